use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use wharf_runtime::Stream;
use wharf_sandbox::protocol::{Event, Mux, Side};

use crate::story::{Story, container};

/// How long the other end may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn a_new_link_to_a_sandbox_ends_the_one_before_it(s: &Story) {
    s.start(s.pod("link", vec![container("sleep 1000 & wait")]))
        .await;
    let mut first = s.engine.link("link").await.unwrap();
    within(greet(&mut first)).await;
    let mut second = s.engine.link("link").await.unwrap();
    within(greet(&mut second)).await;
    let mut rest = Vec::new();
    // However it ends.
    let _read = within(first.read_to_end(&mut rest)).await;
    s.remove("link").await;
    assert!(s.engine.link("link").await.is_err());
}

async fn within<T>(answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.unwrap()
}

/// Shakes hands with the sandbox, which has nothing in force yet.
async fn greet(link: &mut Box<dyn Stream>) {
    let mut mux = Mux::new(Side::Server, 0);
    let mut buffer = vec![0; 4096];
    loop {
        let output = mux.output().to_vec();
        link.write_all(&output).await.unwrap();
        mux.sent(output.len());
        while let Some(event) = mux.event() {
            if let Event::Ready { applied, .. } = event {
                assert_eq!(applied, 0);
                return;
            }
        }
        let read = link.read(&mut buffer).await.unwrap();
        assert!(read > 0, "it hangs up");
        mux.feed(buffer.get(..read).unwrap()).unwrap();
    }
}
