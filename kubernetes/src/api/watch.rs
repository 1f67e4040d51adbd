//! Watching: every change of the selected objects, once and in order.
//!
//! A watcher keeps a revision and nothing else; what changed after it, it reads from the shelf's
//! history. One that is too slow for it is told with a 410 and lists again.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::ApiServer;
use super::list::{self, Selection, too_large};
use super::list_options;
use super::query::Query;
use super::route::Target;
use crate::Status;
use crate::cluster::{Cluster, Resource};
use crate::store::{Change, Object, TooOld};

/// How long a watch lasts that does not say it: half an hour to an hour.
const DEFAULT_SECS: u64 = 1800;

/// How often a watcher that wants to know is told how far everything is.
const BOOKMARKS: Duration = Duration::from_mins(1);

/// How long before its end a watcher is told so for the last time.
const LAST_BOOKMARK: Duration = Duration::from_secs(2);

/// How many changes are read at once.
const BATCH: usize = 256;

/// How an object is shown in an event; the first event of a watch may be shown with more.
pub(super) type Show = Arc<dyn Fn(&Resource, &Object, bool) -> Bytes + Send + Sync>;

/// What is sent next; its text is only made then.
enum Next {
    /// As it is when the watch begins.
    State(Arc<Object>),
    Change(Change),
    /// The end of the initial state.
    Mark,
    Expired(TooOld),
}

struct Watcher {
    cluster: Cluster,
    resource: Arc<Resource>,
    selection: Selection,
    show: Show,
    told: watch::Receiver<u64>,
    /// Everything up to here was sent.
    cursor: u64,
    waiting: VecDeque<Next>,
    bookmarks: Option<Instant>,
    end: Instant,
    first: bool,
    over: bool,
}

impl ApiServer {
    pub(super) fn watch(
        &self,
        target: &Target,
        query: &Query,
        show: Show,
    ) -> Result<Response, Status> {
        list_options::check_watch(query)?;
        let selection = Selection::parse(target, query)?;
        let (store, shelf) = (self.cluster().store(), &target.resource.shelf);
        let told = shelf.subscribe();
        let from = query.number("resourceVersion")?.filter(|&from| from > 0);
        let initial = query.get("sendInitialEvents");
        let initial = initial.map(|_| query.flag("sendInitialEvents"));
        let current = store.revision().max(shelf.last());
        if let Some(from) = from
            && from > current
        {
            return Err(too_large(from, current));
        }
        let seconds = query.number("timeoutSeconds")?.unwrap_or(0);
        let seconds = if seconds == 0 {
            DEFAULT_SECS + u64::from(uuid::Uuid::new_v4().as_bytes()[0]) * 7
        } else {
            seconds
        };
        let now = Instant::now();
        let end = now + Duration::from_secs(seconds.min(24 * 3600));
        let bookmarks = query.flag("allowWatchBookmarks");
        let bookmarks = bookmarks.then(|| next_bookmark(now, end));
        let mut watcher = Watcher {
            cluster: self.cluster().clone(),
            resource: Arc::clone(&target.resource),
            selection,
            show,
            told,
            cursor: from.unwrap_or(0),
            waiting: VecDeque::new(),
            bookmarks,
            end,
            first: true,
            over: false,
        };
        match initial {
            Some(true) => watcher.state(bookmarks.is_some()),
            Some(false) if from.is_none() => watcher.cursor = current,
            None if from.is_none() => watcher.state(false),
            _ => {}
        }
        Ok(stream_of(watcher))
    }
}

/// Once a minute, and a moment before the end: who comes back then goes on from there.
fn next_bookmark(now: Instant, end: Instant) -> Instant {
    let regular = now + BOOKMARKS;
    match end.checked_sub(LAST_BOOKMARK) {
        Some(last) if last > now => regular.min(last),
        _ => regular,
    }
}

fn stream_of(watcher: Watcher) -> Response {
    let events = stream::unfold(watcher, |mut watcher| async move {
        let event = watcher.next().await?;
        Some((Ok::<Bytes, std::io::Error>(event), watcher))
    });
    let mut response = Body::from_stream(events).into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

impl Watcher {
    /// Begins with what is there.
    fn state(&mut self, mark_end: bool) {
        let namespace = self.selection.namespace.clone();
        let listed = self
            .cluster
            .store()
            .list(&self.resource.shelf, namespace.as_deref());
        let selected = listed.objects.into_iter();
        let selected = selected.filter(|object| self.selection.matches(object));
        self.waiting.extend(selected.map(Next::State));
        self.cursor = listed.revision;
        if mark_end {
            self.waiting.push_back(Next::Mark);
        }
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(next) = self.waiting.pop_front() {
                match self.line(&next) {
                    Some(line) => return Some(line),
                    None => continue,
                }
            }
            if self.over {
                return None;
            }
            self.told.mark_unchanged();
            if self.read() {
                continue;
            }
            let bookmark = self.bookmarks.unwrap_or(self.end).min(self.end);
            tokio::select! {
                told = self.told.changed() => {
                    if told.is_err() {
                        return None;
                    }
                }
                () = sleep_until(bookmark) => {
                    if Instant::now() >= self.end {
                        return None;
                    }
                    self.bookmarks = Some(next_bookmark(Instant::now(), self.end));
                    // Nothing of this resource is between the cursor and here.
                    let seen = self.cluster.store().revision();
                    if !self.read() {
                        self.cursor = self.cursor.max(seen);
                        return Some(self.bookmark(&Value::Null));
                    }
                }
            }
        }
    }

    /// Takes what has changed. Whether there is something to send, or the end.
    fn read(&mut self) -> bool {
        let changes = match self.resource.shelf.changes(self.cursor, BATCH) {
            Ok(changes) => changes,
            Err(old) => {
                self.waiting.push_back(Next::Expired(old));
                self.over = true;
                return true;
            }
        };
        if let Some(last) = changes.last() {
            self.cursor = last.revision;
        }
        self.waiting.extend(changes.into_iter().map(Next::Change));
        !self.waiting.is_empty()
    }

    /// None for a change of what was not selected and is not.
    fn line(&mut self, next: &Next) -> Option<Bytes> {
        match next {
            Next::State(object) => Some(self.event("ADDED", object)),
            Next::Change(change) => self.change(change),
            Next::Mark => {
                let ended = json!({ "k8s.io/initial-events-end": "true" });
                Some(self.bookmark(&ended))
            }
            Next::Expired(TooOld { oldest }) => {
                let text = format!("too old resource version: {} ({oldest})", self.cursor);
                let status = Status::expired(text).to_json();
                let event = json!({ "type": "ERROR", "object": status });
                Some(format!("{event}\n").into())
            }
        }
    }

    fn change(&mut self, change: &Change) -> Option<Bytes> {
        let was = change
            .previous
            .as_ref()
            .is_some_and(|old| self.selection.matches(old));
        let is = !change.deleted && self.selection.matches(&change.object);
        let event = match (was, is) {
            (false, true) => self.event("ADDED", &change.object),
            (true, true) => self.event("MODIFIED", &change.object),
            (true, false) => match &change.previous {
                // It left the selection: it is shown as it was in it, at the revision of the change.
                Some(old) if !change.deleted => {
                    let shelf = &self.resource.shelf;
                    let left = shelf.unsaved(old.value(), change.revision);
                    self.event("DELETED", &left)
                }
                _ => self.event("DELETED", &change.object),
            },
            (false, false) => return None,
        };
        Some(event)
    }

    fn event(&mut self, what: &str, object: &Object) -> Bytes {
        let shown = (self.show)(&self.resource, object, self.first);
        self.first = false;
        let mut event = Vec::with_capacity(shown.len() + 40);
        event.extend_from_slice(format!("{{\"type\":\"{what}\",\"object\":").as_bytes());
        event.extend_from_slice(&shown);
        event.extend_from_slice(b"}\n");
        event.into()
    }

    fn bookmark(&self, annotations: &Value) -> Bytes {
        let mut metadata = json!({ "resourceVersion": self.cursor.to_string() });
        if !annotations.is_null() {
            metadata["annotations"] = annotations.clone();
        }
        let event = json!({
            "type": "BOOKMARK",
            "object": {
                "kind": self.resource.kind,
                "apiVersion": self.resource.api_version(),
                "metadata": metadata,
            },
        });
        format!("{event}\n").into()
    }
}

/// Objects as they are.
pub(super) fn plain() -> Show {
    Arc::new(|resource, object, _first| list::body(resource, object))
}
