use std::time::Duration;

use tokio::time::Instant;

/// How long a test waits for what happens beside the requests.
const PATIENCE: Duration = Duration::from_mins(1);

/// How often it looks.
const STEP: Duration = Duration::from_millis(20);

/// Waits until `probe` finds something, and fails with `what` if it never does.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(STEP).await;
    }
}
