//! Following the changes of all objects, those of resources that come later included.
use std::collections::HashSet;
use std::sync::Arc;

use tokio::task::JoinSet;

use super::{Seen, follow};
use crate::store::{Shelf, Store};

/// Tells of every object of every resource and of every change, as [`follow`] does, for ever.
pub(crate) async fn follow_everything(
    store: &Store,
    tell: impl Fn(&Arc<Shelf>, &Seen<'_>) + Clone + Send + Sync + 'static,
) {
    let mut news = store.watch_shelves();
    let mut known: HashSet<String> = HashSet::new();
    let mut tasks = JoinSet::new();
    loop {
        news.mark_unchanged();
        for shelf in store.shelves() {
            if !known.insert(shelf.name.clone()) {
                continue;
            }
            let (store, tell) = (store.clone(), tell.clone());
            tasks.spawn(async move {
                follow(&store, &shelf, |seen| tell(&shelf, seen)).await;
            });
        }
        if news.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
