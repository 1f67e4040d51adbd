//! Q1 to Q4: peers that are silent, slow, or do not read.
use std::{pin::pin, task::Poll};

use futures::future::join_all;
use tokio::time::{Instant, advance};

use wharf_kubernetes::api::Patience;

use super::{
    super::{body::Owed, stream::Stalling, watchdog::Watchdog},
    *,
};

#[tokio::test]
async fn q1_silent_connections_are_closed_and_others_served() {
    let limits = Limits {
        first_byte: AMPLE,
        ..patient()
    };
    let server = Server::start(hello(), limits, None);
    let mut silent = join_all((0..300).map(|_| server.connect())).await;
    assert!(server.send(GET_AND_CLOSE).await.ends_with("hello"));
    for stream in &mut silent {
        assert_eq!(rest(stream).await, "");
    }
}

#[tokio::test]
async fn q2_half_a_header_is_closed() {
    let limits = Limits {
        header: SHORT,
        ..patient()
    };
    let server = Server::start(hello(), limits, None);
    let response = server.send("GET / HTTP/1.1\r\nHost: loc").await;
    assert!(
        response.is_empty() || response.starts_with("HTTP/1.1 408"),
        "{response}"
    );
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let limits = Limits {
        header: AMPLE,
        ..patient()
    };
    let server = Server::start(hello(), limits, None);
    let mut stream = server.connect().await;
    one(&mut stream, GET).await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_handshake_that_stops_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let tls = Tls::open(
        dir.path(),
        crate::guard::Guard::default(),
        wharf_types::Clock::System,
    )
    .unwrap();
    let limits = Limits {
        handshake: SHORT,
        ..patient()
    };
    let server = Server::start(hello(), limits, Some(tls));
    assert_eq!(server.send("\x16\x03\x01").await, "");
}

#[tokio::test]
async fn q3_a_body_that_comes_too_slowly_fails_and_closes() {
    let failure = |body: Body| async move {
        let error = body.collect().await.unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        cause.unwrap_or_else(|| error.to_string())
    };
    let limits = Limits {
        body_window: SHORT,
        body_bytes: 1000,
        ..patient()
    };
    let server = Server::start(Router::new().fallback(failure), limits, None);
    for framing in ["Content-Length: 100000", "Transfer-Encoding: chunked"] {
        let request = format!("PUT / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n3\r\nabc\r\n");
        let response = server.send(&request).await;
        assert!(
            response.ends_with("the request body comes too slowly"),
            "{response}"
        );
    }
}

#[tokio::test]
async fn time_that_we_take_ourselves_does_not_count_against_a_body() {
    let (resume, resumed) = watch::channel(false);
    let wait_then_read = move |body: Body| {
        let mut resumed = resumed.clone();
        async move {
            resumed.wait_for(|go| *go).await.unwrap();
            body.collect().await.unwrap().to_bytes()
        }
    };
    let limits = Limits {
        body_window: SHORT,
        body_bytes: 1000,
        ..patient()
    };
    let server = Server::start(Router::new().fallback(wait_then_read), limits, None);
    let mut stream = server.connect().await;
    let head = "PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut byte = [0];
    tokio::time::timeout(SHORT * 3, stream.read(&mut byte))
        .await
        .unwrap_err();
    stream.write_all(b"abc").await.unwrap();
    resume.send(true).unwrap();
    assert!(rest(&mut stream).await.ends_with("abc"));
}

#[tokio::test]
async fn q4_who_does_not_read_is_closed() {
    struct Dropped(Option<tokio::sync::oneshot::Sender<()>>);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.take().unwrap().send(()).unwrap();
        }
    }
    let (dropped, closed) = tokio::sync::oneshot::channel();
    let held = Arc::new(std::sync::Mutex::new(Some(Dropped(Some(dropped)))));
    let endless = move || {
        let held = held.lock().unwrap().take().unwrap();
        let filler = bytes::Bytes::from(vec![0; 256 * 1024]);
        async move {
            Body::from_stream(futures::stream::repeat_with(move || {
                let _held = &held;
                Ok::<_, Infallible>(filler.clone())
            }))
        }
    };
    let limits = Limits {
        write_stall: SHORT,
        ..patient()
    };
    let server = Server::start(Router::new().fallback(endless), limits, None);
    let mut stream = server.connect().await;
    stream.write_all(GET.as_bytes()).await.unwrap();
    closed.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn q4_who_was_granted_patience_may_read_later() {
    let hour = Duration::from_hours(1);
    for granted in [false, true] {
        let (ours, _theirs) = tokio::io::duplex(16);
        let patience = Patience::default();
        if granted {
            patience.grant();
        }
        let mut io = Stalling::new(ours, Duration::from_secs(1), Owed::default(), patience);
        let written = tokio::time::timeout(hour, io.write_all(&[0; 64])).await;
        assert_eq!(written.is_err(), granted, "{written:?}");
    }
}

/// Polls once, without ever being woken.
async fn now(watchdog: &mut Watchdog, limit: Duration) -> Poll<()> {
    futures::future::poll_fn(|cx| Poll::Ready(watchdog.poll(cx, limit))).await
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_counts_each_wait_anew() {
    let second = Duration::from_secs(1);
    let mut watchdog = Watchdog::default();
    assert_eq!(watchdog.stop(), Duration::ZERO);
    for _ in 0..5 {
        assert_eq!(now(&mut watchdog, second * 10).await, Poll::Pending);
        advance(second * 9).await;
        assert_eq!(now(&mut watchdog, second * 10).await, Poll::Pending);
        assert_eq!(watchdog.stop(), second * 9);
        advance(second * 30).await;
    }
    assert_eq!(now(&mut watchdog, second * 10).await, Poll::Pending);
    advance(second * 10).await;
    assert_eq!(now(&mut watchdog, second * 10).await, Poll::Ready(()));
}

#[tokio::test(start_paused = true)]
async fn a_watchdog_wakes_at_its_time() {
    let mut watchdog = Watchdog::default();
    let limit = Duration::from_mins(1);
    assert_eq!(now(&mut watchdog, limit).await, Poll::Pending);
    advance(Duration::from_secs(30)).await;
    watchdog.stop();
    let start = Instant::now();
    let mut waiting = pin!(futures::future::poll_fn(|cx| watchdog.poll(cx, limit)));
    waiting.as_mut().await;
    assert_eq!(start.elapsed(), limit);
}
