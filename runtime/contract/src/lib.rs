//! What every engine must do, as its own tests run it: real processes, through the worker.
//!
//! An engine's test is a program without a harness, because it is started again as a part of its
//! engine. It brings a [`Setup`] and calls [`run`]; arguments choose cases by parts of their names.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "only tests use it"
)]

mod cases;
mod elsewhere;
mod images;
mod story;

use std::net::Ipv4Addr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use wharf_runtime::Later;
use wharf_runtime::engine::{Engine, ImageSource};

use images::Library;
use story::Story;

/// How long what ends may take to be gone, and how often one looks.
const GOING: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(20);

/// An engine to be tested.
pub trait Setup: Send + Sync {
    /// Starts the engine as a new server would, over what the one before it left.
    fn open(&self, images: Arc<dyn ImageSource>) -> Later<'_, Arc<dyn Engine>>;

    /// An address for a pod, of 250.
    fn ip(&self, number: u8) -> Ipv4Addr;

    /// Whether it can mount a part of a volume that containers write.
    fn has_sub_paths(&self) -> bool;

    /// How much this process has open, and what looks after the pod if that is a process of ours.
    fn open_files(&self, _pod: &str) -> usize {
        count("/proc/self/fd")
    }

    /// Kills the sandbox of a pod behind the engine's back.
    fn kill_sandbox(&self, pod: &str);

    /// What there is of the engine's on this machine, beside files.
    fn left(&self) -> Vec<String>;
}

/// How much there is in a directory.
pub fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

/// What all cases need. None: they can run here.
pub fn missing() -> Option<String> {
    let needed = ["/bin/busybox", "/bin/bash"];
    let missing = needed.into_iter().find(|path| !Path::new(path).exists())?;
    Some(format!("{missing} is not there"))
}

/// Says why cases are not run, and whether that is a failure: it is where everything must be there.
pub fn skipped(why: &str) -> ExitCode {
    println!("skipped: {why}");
    match std::env::var_os("WHARF_REQUIRE_CLIENTS") {
        Some(_) => ExitCode::FAILURE,
        None => ExitCode::SUCCESS,
    }
}

/// Runs all cases, or those whose names contain one of the arguments. Panics where one fails.
pub async fn run(setup: Arc<dyn Setup>) {
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let chosen = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word));
    let before = setup.left();
    let story = Story::open(Arc::clone(&setup), Arc::new(Library::new())).await;
    let mut count = 0;
    for case in cases::all() {
        if chosen(case.name) {
            let from = tokio::time::Instant::now();
            println!("{} ...", case.name);
            (case.run)(&story).await;
            println!("{} ... ok, {:.1?}", case.name, from.elapsed());
            count += 1;
        }
    }
    assert!(count > 0, "no case is called {wanted:?}");
    let pods = story.engine.list().await.unwrap();
    assert!(pods.is_empty(), "left behind: {pods:#?}");
    drop(story);
    // What others have that test at the same time may go meanwhile.
    let ours = || {
        let mut left = setup.left();
        left.retain(|one| !before.contains(one));
        left
    };
    // Tasks that were told to end may still hold the engine.
    let gone = async {
        while !ours().is_empty() {
            tokio::time::sleep(AGAIN).await;
        }
    };
    if tokio::time::timeout(GOING, gone).await.is_err() {
        assert_eq!(ours(), Vec::<String>::new(), "left behind");
    }
    println!("{count} cases of the contract hold");
}
