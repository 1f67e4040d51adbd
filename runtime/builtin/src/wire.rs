//! What the server and a pod's shim say to each other, over a Unix socket and in files.
//!
//! A connection begins with one request, a line of JSON, and its answer, another. After the answer
//! to a request for a stream, frames follow in both directions.
use std::net::Ipv4Addr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::time;

/// The longest line and the largest frame.
pub(crate) const LINE_BYTES: usize = 1 << 20;
pub(crate) const FRAME_BYTES: usize = 64 << 10;

/// A kind byte and the length of what follows, big-endian.
pub(crate) const HEAD_BYTES: usize = 5;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// Makes the container whose plan is in its directory.
    Create {
        id: String,
    },
    Start {
        id: String,
    },
    Signal {
        id: String,
        signal: i32,
    },
    /// Forgets it; one that runs is killed.
    Remove {
        id: String,
    },
    /// Puts memory in place of an empty directory.
    Memory {
        volume: PathBuf,
        limit: Option<u64>,
    },
    /// Streams: a frame follows whenever something ends.
    Watch,
    /// Streams: the output of a command, and what it reads.
    Exec {
        id: String,
        command: Vec<String>,
        tty: bool,
        stdin: bool,
    },
    /// Streams: the output of a container from now on.
    Attach {
        id: String,
        stdin: bool,
    },
    /// Reads the start of a file of a container.
    Read {
        id: String,
        path: String,
        limit: usize,
    },
    /// Kills everything and ends the shim.
    End,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    /// With the bytes, if there is such a file.
    File(Option<Vec<u8>>),
    /// Whether the process has a terminal.
    Stream {
        tty: bool,
    },
    Failed(String),
    /// It is not there.
    Missing,
}

/// The kinds of frames.
pub(crate) mod kind {
    pub(crate) const STDIN: u8 = 0;
    pub(crate) const STDOUT: u8 = 1;
    pub(crate) const STDERR: u8 = 2;
    /// Two numbers of 16 bits: columns and rows.
    pub(crate) const RESIZE: u8 = 3;
    /// A signed number of 32 bits. The last frame.
    pub(crate) const EXIT: u8 = 4;
    pub(crate) const STDIN_ENDS: u8 = 5;
    /// Something has ended.
    pub(crate) const ENDED: u8 = 6;
}

pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
    frame.push(kind);
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    frame.extend_from_slice(&length.to_be_bytes());
    frame.extend_from_slice(payload);
    frame
}

/// What a shim is started for: `pod.json` in the pod's directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PodPlan {
    pub(crate) id: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) hostname: String,
    pub(crate) ip: Ipv4Addr,
    pub(crate) prefix: u8,
    pub(crate) gateway: Ipv4Addr,
    pub(crate) bridge: String,
    /// The pod's end of the cable in the bridge's namespace.
    pub(crate) cable: String,
}

/// What a shim says of itself: `shim.json` in the pod's directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Shimmed {
    pub(crate) pid: u32,
    /// Its descriptor of the bridge's namespace.
    pub(crate) space: i32,
}

/// What a container is made of: `plan.json` in its directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) id: String,
    pub(crate) pod: String,
    pub(crate) name: String,
    pub(crate) attempt: u32,
    pub(crate) image_digest: String,
    /// The topmost first.
    pub(crate) layers: Vec<PathBuf>,
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) working_dir: String,
    pub(crate) user: PlannedUser,
    pub(crate) mounts: Vec<PlannedMount>,
    pub(crate) cpu_milli: Option<u64>,
    pub(crate) cpu_request_milli: Option<u64>,
    pub(crate) memory_bytes: Option<u64>,
    pub(crate) capabilities: Vec<String>,
    pub(crate) no_new_privileges: bool,
    pub(crate) read_only_root: bool,
    pub(crate) input: PlannedInput,
    pub(crate) termination_path: String,
}

/// What the first process of a container reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedInput {
    pub(crate) tty: bool,
    pub(crate) open: bool,
    pub(crate) once: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedUser {
    /// As the image says it; `user:group`.
    pub(crate) of_image: String,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) groups: Vec<u32>,
    pub(crate) must_not_be_root: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PlannedMount {
    /// A directory of the pod's or a persistent volume, and what of it.
    pub(crate) volume: PathBuf,
    pub(crate) sub_path: Option<String>,
    pub(crate) path: String,
    pub(crate) read_only: bool,
}

/// How a container is: `state.json` in its directory, written by the shim whenever it changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum State {
    Created,
    Running {
        since_ms: i64,
    },
    Ended {
        code: i32,
        oom_killed: bool,
        started_ms: i64,
        finished_ms: i64,
        problem: Option<String>,
    },
}

impl State {
    /// One that could not be made: that is how it ends.
    pub(crate) fn never_ran(problem: String) -> Self {
        let now_ms = time::now_ms();
        Self::Ended {
            code: 128,
            oom_killed: false,
            started_ms: now_ms,
            finished_ms: now_ms,
            problem: Some(problem),
        }
    }

    /// One whose shim was killed, and with it all of the pod.
    pub(crate) fn lost(since_ms: i64) -> Self {
        Self::Ended {
            code: 137,
            oom_killed: false,
            started_ms: since_ms,
            finished_ms: time::now_ms(),
            problem: None,
        }
    }
}
