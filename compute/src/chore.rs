//! What goes on beside the calls: instances start and end, groups get what they are to have.
use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::{Cx, Error, groups, instances};

/// How often is looked whether time alone has made something due.
const TICK: Duration = Duration::from_secs(1);

/// How many rounds are made at once when each leads to another.
const ROUNDS: usize = 32;

/// Works until its task ends.
pub async fn run(cx: Cx) {
    let mut work = cx.work.subscribe();
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            // The sender is in `cx`, so it does not go away.
            _ = work.changed() => {}
        }
        if let Err(error) = tick(&cx).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "instances and groups could not be looked after");
        }
    }
}

/// Does all that is due by the store's clock; whether that was anything.
pub async fn tick(cx: &Cx) -> Result<bool, Error> {
    let mut any = false;
    for _ in 0..ROUNDS {
        let settled = instances::settle(cx).await?;
        let reconciled = groups::reconcile_all(cx).await?;
        if !settled && !reconciled {
            break;
        }
        any = true;
        cx.changed.send_replace(());
    }
    Ok(any)
}

#[cfg(test)]
pub(crate) mod tests {
    use wharf_storage::{DataDir, Options, Store};
    use wharf_types::{Clock, Registry, Timestamp};

    use crate::{Cx, Settings};

    /// A store of a test's own.
    pub(crate) struct World {
        pub(crate) cx: Cx,
        pub(crate) place: Registry,
        pub(crate) clock: Clock,
        _folder: tempfile::TempDir,
    }

    impl World {
        /// Lets time pass in steps, and does what is due.
        pub(crate) async fn pass(&self, seconds: u64) {
            for _ in 0..seconds {
                self.clock.advance(std::time::Duration::from_secs(1));
                super::tick(&self.cx).await.unwrap();
            }
        }
    }

    pub(crate) async fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::manual(Timestamp::from_secs(1_700_000_000));
        let options = Options {
            data_dir: DataDir::lock(folder.path()).unwrap(),
            s3: None,
            durable: false,
            grace: std::time::Duration::from_hours(1),
            verify_reads: false,
            clock: clock.clone(),
        };
        let store = Store::open(options).await.unwrap();
        World {
            cx: Cx::new(store, Settings::default()),
            place: Registry {
                account: "000000000000".parse().unwrap(),
                region: "eu-central-1".parse().unwrap(),
            },
            clock,
            _folder: folder,
        }
    }
}
