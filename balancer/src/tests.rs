use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use wharf_runtime::Stream;
use wharf_runtime::network::{DialError, Dialled, Reach};

use crate::{Listener, Targets};

/// Pods that say their address, then what they were sent, after all of it has come.
#[derive(Debug, Default)]
struct Pods {
    failing: Mutex<HashMap<SocketAddr, DialError>>,
}

impl Pods {
    fn fail(&self, target: SocketAddr, error: DialError) {
        self.failing.lock().unwrap().insert(target, error);
    }

    fn heal(&self, target: SocketAddr) {
        self.failing.lock().unwrap().remove(&target);
    }
}

impl Reach for Pods {
    fn reach(&self, to: SocketAddr) -> Dialled<'_> {
        let failure = self.failing.lock().unwrap().get(&to).copied();
        Box::pin(async move {
            if let Some(failure) = failure {
                return Err(failure);
            }
            let (near, mut far) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                far.write_all(format!("{to} ").as_bytes()).await.unwrap();
                let mut all = Vec::new();
                far.read_to_end(&mut all).await.unwrap();
                far.write_all(&all).await.unwrap();
            });
            Ok(Box::new(near) as Box<dyn Stream>)
        })
    }
}

fn pod(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 168, 0, n], 8080))
}

fn to(pods: &[u8]) -> Targets {
    Targets {
        endpoints: pods.iter().map(|n| pod(*n)).collect(),
        affinity: None,
    }
}

async fn open(targets: Targets) -> (Arc<Pods>, Listener) {
    let pods = Arc::new(Pods::default());
    let at = SocketAddr::from(([127, 0, 0, 1], 0));
    let reach = Arc::<Pods>::clone(&pods);
    let listener = Listener::open(at, targets, reach).await.unwrap();
    (pods, listener)
}

/// Sends a text, ends that direction, and reads the answer.
async fn talk(listener: &Listener) -> io::Result<String> {
    let mut stream = TcpStream::connect(listener.at()).await?;
    stream.write_all(b"hello").await?;
    stream.shutdown().await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn connections_take_turns_and_what_ends_in_one_direction_goes_on_in_the_other() {
    let (_pods, listener) = open(to(&[1, 2])).await;
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(talk(&listener).await.unwrap());
    }
    answers.sort();
    let one = format!("{} hello", pod(1));
    let two = format!("{} hello", pod(2));
    assert_eq!(answers, [one.clone(), one, two.clone(), two]);
}

#[tokio::test]
async fn new_targets_count_for_the_next_connection_and_connections_stay() {
    let (_pods, listener) = open(to(&[1])).await;
    let mut old = TcpStream::connect(listener.at()).await.unwrap();
    let mut first = [0; 1];
    old.read_exact(&mut first).await.unwrap();
    listener.lead_to(to(&[2]));
    assert_eq!(talk(&listener).await.unwrap(), format!("{} hello", pod(2)));
    old.write_all(b"!").await.unwrap();
    old.shutdown().await.unwrap();
    let mut rest = String::new();
    old.read_to_string(&mut rest).await.unwrap();
    assert!(rest.ends_with('!'), "{rest}");
}

#[tokio::test]
async fn another_target_takes_what_one_refuses_and_without_any_it_is_reset() {
    let (pods, listener) = open(to(&[1, 2])).await;
    pods.fail(pod(1), DialError::Refused);
    for _ in 0..3 {
        let answer = talk(&listener).await.unwrap();
        assert_eq!(answer, format!("{} hello", pod(2)));
    }
    pods.fail(pod(2), DialError::Refused);
    talk(&listener).await.unwrap_err();
    listener.lead_to(Targets::default());
    talk(&listener).await.unwrap_err();
}

#[tokio::test]
async fn a_connection_waits_for_a_pod_whose_link_is_being_made() {
    let (pods, listener) = open(to(&[1])).await;
    pods.fail(pod(1), DialError::NoLink);
    let mut stream = TcpStream::connect(listener.at()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::select! {
        biased;
        early = stream.read_to_string(&mut answer) => panic!("{early:?}"),
        () = tokio::time::sleep(Duration::from_millis(120)) => {}
    }
    pods.heal(pod(1));
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(answer, format!("{} ", pod(1)));
}

#[tokio::test]
async fn a_client_stays_with_its_target_until_the_time_is_over_or_the_target_is_gone() {
    let timeout = Duration::from_hours(3);
    let choice = crate::choice::Choice::default();
    let client = "127.0.0.1".parse().unwrap();
    let mut targets = to(&[1, 2, 3]);
    targets.affinity = Some(timeout);
    tokio::time::pause();
    let first = choice.order(&targets, client)[0];
    choice.took(&targets, client, first);
    for _ in 0..4 {
        tokio::time::advance(Duration::from_hours(2)).await;
        assert_eq!(choice.order(&targets, client)[0], first);
        choice.took(&targets, client, first);
    }
    // Somebody else's turn is not touched by that.
    let other = "127.0.0.2".parse().unwrap();
    let firsts: std::collections::BTreeSet<_> =
        (0..3).map(|_| choice.order(&targets, other)[0]).collect();
    assert_eq!(firsts.len(), 3);
    tokio::time::advance(timeout).await;
    let firsts: std::collections::BTreeSet<_> =
        (0..3).map(|_| choice.order(&targets, client)[0]).collect();
    assert_eq!(firsts.len(), 3, "the time is over");
    choice.took(&targets, client, first);
    targets.endpoints.retain(|one| *one != first);
    assert_ne!(choice.order(&targets, client)[0], first);
}

#[tokio::test]
async fn a_closed_port_is_free_and_its_connections_are_over() {
    let (pods, listener) = open(to(&[1])).await;
    let at = listener.at();
    let mut stream = TcpStream::connect(at).await.unwrap();
    let mut first = [0; 1];
    stream.read_exact(&mut first).await.unwrap();
    let taken = Listener::open(at, to(&[1]), Arc::<Pods>::clone(&pods)).await;
    assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    listener.close().await;
    let mut rest = Vec::new();
    // An end or a reset: whatever was on the way.
    let _over = stream.read_to_end(&mut rest).await;
    let again = Listener::open(at, to(&[2]), pods).await.unwrap();
    assert_eq!(talk(&again).await.unwrap(), format!("{} hello", pod(2)));
}
