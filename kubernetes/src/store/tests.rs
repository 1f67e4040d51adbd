use std::path::Path;

use serde_json::json;

use super::*;

const PODS: &str = "pods";

fn open(path: &Path) -> (Store, Arc<Shelf>) {
    let spec = ShelfSpec {
        name: PODS.to_owned(),
        durable: true,
        paths: vec!["spec.nodeName".to_owned()],
        fields: crate::selectable_field,
    };
    let objects = Objects::open(path, false).unwrap();
    let store = Store::open(objects, std::slice::from_ref(&spec)).unwrap();
    let shelf = store.shelf(&spec);
    (store, shelf)
}

fn pod(name: &str, node: &str) -> Value {
    json!({
        "metadata": { "namespace": "default", "name": name, "labels": { "app": name } },
        "spec": { "nodeName": node },
    })
}

async fn create(store: &Store, shelf: &Arc<Shelf>, name: &str) -> Arc<Object> {
    let op = Op::Create(pod(name, "n"));
    store.commit(shelf, "default", name, op).await.unwrap()
}

#[tokio::test]
async fn a_change_is_refused_if_it_was_decided_on_another_state() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    let made = create(&store, &shelf, "a").await;
    let again = store.commit(&shelf, "default", "a", Op::Create(pod("a", "n")));
    assert!(matches!(again.await, Err(Refused::Exists(_))));
    let moved = Op::Update(made.revision, pod("a", "m"));
    let moved = store.commit(&shelf, "default", "a", moved).await.unwrap();
    assert!(moved.revision > made.revision);
    let late = store.commit(&shelf, "default", "a", Op::Delete(made.revision));
    assert!(matches!(late.await, Err(Refused::Changed(Some(_)))));
    let gone = store.commit(&shelf, "default", "a", Op::Delete(moved.revision));
    assert_eq!(gone.await.unwrap().name, "a");
    assert!(shelf.is_empty());
    let late = store.commit(&shelf, "default", "a", Op::Update(1, pod("a", "m")));
    assert!(matches!(late.await, Err(Refused::Changed(None))));
}

#[tokio::test]
async fn objects_and_revisions_survive_a_restart_and_old_watchers_are_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("c.db");
    let (store, shelf) = open(&path);
    let made = create(&store, &shelf, "a").await;
    drop((store, shelf));
    let (store, shelf) = open(&path);
    let kept = shelf.get("default", "a").unwrap();
    assert_eq!((kept.revision, kept.body()), (made.revision, made.body()));
    assert_eq!(
        (kept.fields.get(0), kept.label("app")),
        (Some("n"), Some("a"))
    );
    assert!(shelf.changes(made.revision, 10).is_err());
    let listed = store.list(&shelf, None);
    assert!(shelf.changes(listed.revision, 10).unwrap().is_empty());
    let next = create(&store, &shelf, "b").await;
    assert!(next.revision > listed.revision);
    let seen = shelf.changes(listed.revision, 10).unwrap();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn a_list_can_be_had_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    let a = create(&store, &shelf, "a").await;
    create(&store, &shelf, "b").await;
    let then = store.list(&shelf, Some("default"));
    let gone = store.commit(&shelf, "default", "a", Op::Delete(a.revision));
    gone.await.unwrap();
    create(&store, &shelf, "c").await;
    let names = |listed: &Listed| -> Vec<String> {
        listed.objects.iter().map(|o| o.name.clone()).collect()
    };
    let again = shelf.list_at(Some("default"), then.revision).unwrap();
    assert_eq!(names(&again), ["a", "b"]);
    assert_eq!(names(&store.list(&shelf, None)), ["b", "c"]);
    assert_eq!(names(&store.list(&shelf, Some("other"))), [""; 0]);
}

#[tokio::test]
async fn jobs_of_one_batch_build_on_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let (store, shelf) = open(&dir.path().join("c.db"));
    let many = (0..300).map(|i| {
        let (store, shelf) = (store.clone(), Arc::clone(&shelf));
        async move {
            let name = format!("p{}", i % 100);
            let op = Op::Create(pod(&name, "n"));
            store.commit(&shelf, "default", &name, op).await.is_ok()
        }
    });
    let made = futures::future::join_all(many).await;
    assert_eq!(made.into_iter().filter(|ok| *ok).count(), 100);
    let changes = shelf.changes(store.start, 1000).unwrap();
    assert!(changes.is_sorted_by(|a, b| a.revision < b.revision));
    assert_eq!((changes.len(), shelf.len()), (100, 100));
}
