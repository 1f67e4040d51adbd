use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::sync::mpsc;
use wharf_types::Clock;

use super::*;
use crate::store::{Op, ShelfSpec};

fn open(path: &Path) -> (Store, Arc<Shelf>) {
    let spec = ShelfSpec {
        name: "pods".to_owned(),
        durable: false,
        paths: Vec::new(),
        fields: |_, _| String::new(),
    };
    let store = Store::open(
        wharf_storage::Objects::open(path, false).unwrap(),
        std::slice::from_ref(&spec),
    )
    .unwrap();
    let shelf = store.shelf(&spec);
    (store, shelf)
}

async fn create(store: &Store, shelf: &Arc<Shelf>, name: &str, owner: &str) -> Arc<Object> {
    let value = json!({ "metadata": {
        "namespace": "n", "name": name, "uid": name,
        "ownerReferences": [{ "uid": owner }],
    } });
    store
        .commit(shelf, "n", name, Op::Create(value))
        .await
        .unwrap()
}

fn queue() -> (Queue, Clock) {
    let clock = Clock::manual(Timestamp::from_secs(100));
    let now = clock.clone();
    (Queue::new(move || now.now()), clock)
}

fn key(name: &str) -> Key {
    Key::new("n", name)
}

#[tokio::test]
async fn a_key_waits_once_and_is_worked_on_by_one_at_a_time() {
    let (queue, _clock) = queue();
    queue.add(key("a"));
    queue.add(key("a"));
    queue.add(key("b"));
    let first = queue.take().await;
    assert_eq!(first.key(), &key("a"));
    queue.add(key("a"));
    let second = queue.take().await;
    assert_eq!(second.key(), &key("b"));
    second.done();
    assert!(queue.take().now_or_never().is_none());
    first.done();
    assert_eq!(queue.take().await.key(), &key("a"));
    assert!(queue.take().now_or_never().is_none());
}

#[tokio::test(start_paused = true)]
async fn failures_pause_twice_as_long_each_time_up_to_a_thousand_seconds() {
    let (queue, _clock) = queue();
    queue.add(key("a"));
    let mut pauses = Vec::new();
    for _ in 0..20 {
        let taken = queue.take().await;
        let before = tokio::time::Instant::now();
        taken.failed();
        let taken = queue.take().await;
        pauses.push(before.elapsed().as_millis());
        queue.add(key("a"));
        drop(taken);
    }
    assert_eq!(&pauses[..4], &[5, 10, 20, 40]);
    assert_eq!(pauses[18], 1_000_000);
    queue.take().await.done();
    queue.add(key("a"));
    queue.take().await.failed();
    let before = tokio::time::Instant::now();
    queue.take().await.done();
    assert_eq!(before.elapsed().as_millis(), 5);
}

#[tokio::test(start_paused = true)]
async fn timers_wait_for_the_clock_of_the_cluster() {
    let (queue, clock) = queue();
    queue.after(key("a"), Duration::from_mins(1));
    queue.after(key("a"), Duration::from_secs(30));
    queue.after(key("a"), Duration::from_secs(90));
    let early = tokio::time::timeout(Duration::from_hours(1), queue.take());
    assert!(early.await.is_err());
    clock.advance(Duration::from_secs(30));
    assert_eq!(queue.take().await.key(), &key("a"));
    clock.advance(Duration::from_hours(1));
    assert!(queue.take().now_or_never().is_none());
}

#[tokio::test]
async fn an_index_finds_what_was_just_created() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    create(&store, &shelf, "a", "one").await;
    let index = Index::new(&store, Arc::clone(&shelf), |object| object.owners.clone());
    let names = |owner: &str| -> Vec<String> {
        index.of(owner).iter().map(|pod| pod.name.clone()).collect()
    };
    assert_eq!(names("one"), ["a"]);
    let made = create(&store, &shelf, "b", "one").await;
    assert_eq!(names("one"), ["a", "b"]);
    let moved = json!({ "metadata": {
        "namespace": "n", "name": "b", "ownerReferences": [{ "uid": "two" }] } });
    let moved = store.commit(&shelf, "n", "b", Op::Update(made.revision, moved));
    let moved = moved.await.unwrap();
    assert_eq!(
        (names("one"), names("two")),
        (vec!["a".to_owned()], vec!["b".to_owned()])
    );
    let gone = store.commit(&shelf, "n", "b", Op::Delete(moved.revision));
    gone.await.unwrap();
    assert_eq!(names("two"), [""; 0]);
}

#[tokio::test]
async fn an_index_that_fell_too_far_behind_reads_everything_anew() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    let index = Index::new(&store, Arc::clone(&shelf), |object| object.owners.clone());
    assert!(index.of("one").is_empty());
    // More than the bytes of old states that are remembered.
    let text = "x".repeat(9 << 20);
    for name in ["a", "b", "c", "d"] {
        let value = json!({ "metadata": {
            "namespace": "n", "name": name, "ownerReferences": [{ "uid": "one" }],
            "annotations": { "text": text } } });
        store
            .commit(&shelf, "n", name, Op::Create(value))
            .await
            .unwrap();
    }
    assert_eq!(index.of("one").len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_controller_is_woken_by_changes_and_survives_errors_and_panics() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    create(&store, &shelf, "a", "one").await;
    let mut frame = Frame::new("test", &store, || Timestamp::from_secs(1));
    frame.on(Arc::clone(&shelf), |seen| {
        seen.latest()
            .into_iter()
            .map(|object| Key::of(object))
            .collect()
    });
    let (tell, mut told) = mpsc::unbounded_channel();
    let tries = Arc::new(AtomicUsize::new(0));
    let run = tokio::spawn(frame.run(WORKERS, move |key: Key| {
        let (tell, tries) = (tell.clone(), Arc::clone(&tries));
        async move {
            match tries.fetch_add(1, Ordering::SeqCst) {
                0 => Err(Status::bad_request("not yet")),
                1 => panic!("a mistake"),
                _ => {
                    tell.send(key.name).unwrap();
                    Ok(None)
                }
            }
        }
    }));
    assert_eq!(&*told.recv().await.unwrap(), "a");
    let made = create(&store, &shelf, "b", "one").await;
    assert_eq!(&*told.recv().await.unwrap(), "b");
    let gone = store.commit(&shelf, "n", "b", Op::Delete(made.revision));
    gone.await.unwrap();
    assert_eq!(&*told.recv().await.unwrap(), "b");
    run.abort();
}
