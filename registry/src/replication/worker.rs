//! The worker: a lane for each destination that something is due for, so that a server which is away
//! holds up nobody else.
use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt as _, stream};
use tokio::{task::JoinSet, time::MissedTickBehavior};
use wharf_storage::{Owner, Stored};

use super::{
    BATCH, CrossAccount, Destination, Failure, Job, Outcome, Replica, Settings, backfill, copy,
    remote::Remote, replica::attempted,
};
use crate::{Cx, Error};

/// How often it is looked for what is due by the clock.
const TICK: Duration = Duration::from_secs(1);

/// How many destinations are served at once.
const MAX_LANES: usize = 32;

/// How many images go to another server at once.
const REMOTE_WIDTH: usize = 4;

/// Replicates what is due, until its task ends.
pub async fn run(cx: Cx, settings: Settings) {
    let settings = Arc::new(settings);
    let mut work = cx.work.subscribe();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut lanes = JoinSet::new();
    let running: Arc<Mutex<HashSet<Destination>>> = Arc::default();
    loop {
        match due(&cx).await {
            Ok(destinations) => {
                for destination in destinations {
                    let Some(place) = Place::take(&running, &destination) else {
                        continue;
                    };
                    let (cx, settings) = (cx.clone(), Arc::clone(&settings));
                    lanes.spawn(async move { lane(&cx, &settings, place).await });
                }
            }
            Err(error) => warn(&error, "what is to be replicated could not be found"),
        }
        tokio::select! {
            Ok(()) = work.changed() => {}
            _ = ticks.tick() => {}
            Some(_) = lanes.join_next() => {}
        }
    }
}

/// The right to serve a destination.
struct Place {
    destination: Destination,
    running: Arc<Mutex<HashSet<Destination>>>,
}

impl Place {
    fn take(running: &Arc<Mutex<HashSet<Destination>>>, to: &Destination) -> Option<Self> {
        let mut all = running.lock().ok()?;
        (all.len() < MAX_LANES && all.insert(to.clone())).then(|| Self {
            destination: to.clone(),
            running: Arc::clone(running),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Ok(mut all) = self.running.lock() {
            all.remove(&self.destination);
        }
    }
}

/// The destinations that something is due for.
async fn due(cx: &Cx) -> Result<HashSet<Destination>, Error> {
    let now = cx.store.now();
    let found = cx.store.meta().read(move |tx| {
        let names = tx.open_names::<Replica>(now, 2 * MAX_LANES)?;
        let mut found: HashSet<Destination> =
            names.iter().filter_map(|name| name.parse().ok()).collect();
        let backfills = backfill::due(tx, now)?;
        found.extend(backfills.into_iter().map(|stored| stored.body.destination));
        Ok(found)
    });
    found.await
}

/// Does all that is due for a destination.
async fn lane(cx: &Cx, settings: &Settings, place: Place) {
    let destination = &place.destination;
    let Some(route) = Route::to(settings, destination) else {
        return tokio::time::sleep(TICK).await;
    };
    let mut in_vain = true;
    loop {
        let images = images(cx, &route, destination).await;
        let backfills = backfill::step(cx, &route, destination).await;
        match (images, backfills) {
            // What is due cannot be read: not at once again.
            (Ok(false), Ok(false)) if in_vain => return tokio::time::sleep(TICK).await,
            (Ok(false), Ok(false)) => return,
            (Ok(_), Ok(_)) => in_vain = false,
            (Err(error), _) | (_, Err(error)) => {
                warn(&error, "images could not be replicated");
                // What is due stays due: not at once again.
                return tokio::time::sleep(TICK).await;
            }
        }
    }
}

/// Replicates some images that were pushed; whether there were any.
async fn images(cx: &Cx, route: &Route, destination: &Destination) -> Result<bool, Error> {
    let (name, now) = (destination.to_string(), cx.store.now());
    let due = cx
        .store
        .meta()
        .read(move |tx| tx.open_documents_named::<Replica>(&name, now, BATCH));
    let due: Vec<Stored<Replica>> = due.await?;
    let any = !due.is_empty();
    let done: Vec<Result<(), Error>> = stream::iter(due)
        .map(|stored| image(cx, route, destination, stored))
        .buffer_unordered(route.width())
        .collect()
        .await;
    done.into_iter().collect::<Result<(), _>>()?;
    Ok(any)
}

async fn image(
    cx: &Cx,
    route: &Route,
    destination: &Destination,
    stored: Stored<Replica>,
) -> Result<(), Error> {
    let Stored {
        owner,
        name,
        body: replica,
        ..
    } = stored;
    let Owner::Image(repository, digest) = &owner else {
        return Ok(());
    };
    let job = Job {
        repository: *repository,
        digest: digest.clone(),
        tags: replica.tags.iter().cloned().collect(),
        destination: destination.0.clone(),
    };
    let outcome = route.deliver(cx, &job).await;
    let now = cx.store.now();
    let noted = cx
        .store
        .meta()
        .write(move |tx| attempted(tx, &owner, &name, &replica, &outcome, now));
    noted.await
}

/// The way to a destination.
pub(super) enum Route {
    Here(CrossAccount),
    There(Box<Remote>),
}

impl Route {
    fn to(settings: &Settings, destination: &Destination) -> Option<Self> {
        let Some(endpoint) = settings.endpoint(&destination.0) else {
            return Some(Self::Here(settings.cross_account));
        };
        match Remote::new(endpoint, &destination.0) {
            Ok(remote) => Some(Self::There(Box::new(remote))),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, %destination, "the endpoint of a destination cannot be used");
                None
            }
        }
    }

    /// How many images go at once. Here they share transactions.
    pub(super) const fn width(&self) -> usize {
        match self {
            Self::Here(_) => BATCH,
            Self::There(_) => REMOTE_WIDTH,
        }
    }

    /// Brings an image to the destination.
    pub(super) async fn deliver(&self, cx: &Cx, job: &Job) -> Outcome {
        let delivered = match self {
            Self::Here(cross_account) => copy::deliver(cx, *cross_account, job).await,
            Self::There(remote) => remote.deliver(cx, job).await,
        };
        delivered.unwrap_or_else(|error| {
            warn(&error, "an image was not replicated");
            match error {
                Error::Store(_) => Outcome::Later(Failure::Internal),
                _ => Failure::Rejected.into(),
            }
        })
    }
}

fn warn(error: &Error, what: &str) {
    let error: &dyn std::error::Error = error;
    tracing::warn!(error, "{what}");
}
