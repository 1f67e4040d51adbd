//! One connection to a sandbox: its state, shared by the task that carries its bytes and by whoever
//! reads and writes its streams.
//!
//! The lock is held for copying bytes only, never across an await. What a stream holds is bounded by
//! its window, and what waits to be sent by the protocol's own limits.
use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use wharf_sandbox::protocol::{Event, MAX_STREAMS, Message, Mux, Reason, Side, StreamId, Target};

/// How long the other end of a stream that nobody uses here any more may keep it open.
const LINGER: Duration = Duration::from_secs(10);

/// Streams that somebody here still has, whether they are gone or not: who opens and resets them in
/// turn must wait for those that serve them.
const MOST_FLOWS: usize = 4 * MAX_STREAMS;

/// More messages are given to the link while less than this waits to be sent.
const MESSAGES: usize = 256 * 1024;

/// What the sandbox did that is not a matter of streams that are open.
#[derive(Debug)]
pub(super) enum Happened {
    Ready,
    Message(Message),
    Accepted {
        id: StreamId,
        listener: u16,
        from: SocketAddr,
    },
}

#[derive(Debug)]
pub(super) struct Link {
    state: Mutex<State>,
    /// There is output.
    output: Notify,
    /// There is less output than before.
    drained: Notify,
}

#[derive(Debug)]
struct State {
    mux: Mux,
    flows: HashMap<StreamId, Flow>,
    closed: bool,
}

/// A stream as its user sees it.
#[derive(Debug, Default)]
struct Flow {
    /// The other end has answered.
    open: bool,
    inbox: VecDeque<Vec<u8>>,
    /// How much of the first piece is read.
    read: usize,
    /// The peer sends nothing more.
    ended: bool,
    /// We send nothing more.
    finished: bool,
    gone: Option<Reason>,
    /// Nobody uses it any more since then.
    abandoned: Option<Instant>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

impl Flow {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()] {
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

impl Link {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                mux: Mux::new(Side::Server, 0),
                flows: HashMap::new(),
                closed: false,
            }),
            output: Notify::new(),
            drained: Notify::new(),
        }
    }

    // Nothing panics while it holds the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what came from the sandbox; answers what is not a matter of open streams.
    pub(super) fn feed(&self, bytes: &[u8]) -> Result<Vec<Happened>, wharf_sandbox::Error> {
        let mut state = self.state();
        let fed = state.mux.feed(bytes);
        let happened = state.settle();
        drop(state);
        self.output.notify_one();
        fed.map(|()| happened)
    }

    /// Waits until more may be read from the sandbox.
    pub(super) async fn reads(&self) {
        loop {
            let drained = self.drained.notified();
            if self.state().mux.reads() {
                return;
            }
            drained.await;
        }
    }

    /// Moves what is to be sent, at most so much, into the empty `buffer`; waits for the first byte.
    pub(super) async fn take_output(&self, buffer: &mut Vec<u8>, limit: usize) {
        loop {
            {
                let mut state = self.state();
                let output = state.mux.output();
                buffer.extend_from_slice(output.get(..limit).unwrap_or(output));
                if !buffer.is_empty() {
                    state.mux.sent(buffer.len());
                    // Streams that had no room have some now; nothing else can have happened.
                    state.settle();
                    drop(state);
                    self.drained.notify_waiters();
                    return;
                }
            }
            self.output.notified().await;
        }
    }

    /// Waits until one more message may be sent.
    pub(super) async fn room(&self) {
        loop {
            let drained = self.drained.notified();
            if self.state().mux.output().len() < MESSAGES {
                return;
            }
            drained.await;
        }
    }

    pub(super) fn send(&self, message: &Message) -> Result<(), wharf_sandbox::Error> {
        let sent = self.state().mux.send(message);
        self.output.notify_one();
        sent
    }

    pub(super) fn ping(&self) {
        self.state().mux.ping();
        self.output.notify_one();
    }

    /// Opens a stream. None: too many are open, or the link is closed.
    pub(super) fn open(&self, to: SocketAddr) -> Option<StreamId> {
        let mut state = self.state();
        if state.closed {
            return None;
        }
        let id = state.mux.open(Target::Dial(to))?;
        state.flows.insert(id, Flow::default());
        drop(state);
        self.output.notify_one();
        Some(id)
    }

    /// Says that a stream of the sandbox's has somebody at this end.
    pub(super) fn accept(&self, id: StreamId) {
        let mut state = self.state();
        let flow = Flow {
            open: true,
            ..Flow::default()
        };
        if let Some(flow) = state.flows.get_mut(&id) {
            flow.open = true;
        } else {
            state.flows.insert(id, flow);
        }
        state.mux.accept(id);
        drop(state);
        self.output.notify_one();
    }

    /// Whether a stream that was opened is connected.
    pub(super) fn poll_open(&self, id: StreamId, cx: &Context<'_>) -> Poll<Result<(), Reason>> {
        let mut state = self.state();
        let Some(flow) = state.flows.get_mut(&id) else {
            return Poll::Ready(Err(Reason::Reset));
        };
        match flow.gone {
            Some(reason) => Poll::Ready(Err(reason)),
            None if flow.open => Poll::Ready(Ok(())),
            None => {
                flow.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Copies what came on a stream; 0: it has ended. None: it is gone.
    pub(super) fn poll_read(
        &self,
        id: StreamId,
        cx: &Context<'_>,
        out: &mut tokio::io::ReadBuf<'_>,
    ) -> Poll<Option<usize>> {
        let mut state = self.state();
        let Some(flow) = state.flows.get_mut(&id) else {
            return Poll::Ready(None);
        };
        let mut copied = 0;
        while out.remaining() > 0
            && let Some(first) = flow.inbox.front()
        {
            let rest = first.get(flow.read..).unwrap_or_default();
            let piece = rest.get(..out.remaining()).unwrap_or(rest);
            out.put_slice(piece);
            copied += piece.len();
            flow.read += piece.len();
            if flow.read == first.len() {
                flow.inbox.pop_front();
                flow.read = 0;
            }
        }
        if copied == 0 && !flow.ended {
            if flow.gone.is_some() {
                return Poll::Ready(None);
            }
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        state.mux.consumed(id, copied);
        drop(state);
        self.output.notify_one();
        Poll::Ready(Some(copied))
    }

    /// Sends the beginning of `bytes`. None: the stream is gone.
    pub(super) fn poll_write(
        &self,
        id: StreamId,
        cx: &Context<'_>,
        bytes: &[u8],
    ) -> Poll<Option<usize>> {
        let mut state = self.state();
        let State { mux, flows, .. } = &mut *state;
        let Some(flow) = flows.get_mut(&id) else {
            return Poll::Ready(None);
        };
        if flow.gone.is_some() || flow.finished {
            return Poll::Ready(None);
        }
        let sent = mux.write(id, bytes);
        if sent == 0 && !bytes.is_empty() {
            flow.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        drop(state);
        self.output.notify_one();
        Poll::Ready(Some(sent))
    }

    /// Nothing more is sent on a stream.
    pub(super) fn finish(&self, id: StreamId) {
        let mut state = self.state();
        state.mux.finish(id);
        if let Some(flow) = state.flows.get_mut(&id) {
            flow.finished = true;
        }
        drop(state);
        self.output.notify_one();
    }

    /// Nobody uses a stream here any more. As with a socket: an orderly end, unless something came
    /// that nobody read.
    pub(super) fn abandon(&self, id: StreamId) {
        let mut state = self.state();
        let State { mux, flows, .. } = &mut *state;
        let Some(flow) = flows.get_mut(&id) else {
            return;
        };
        if !flow.open || !flow.inbox.is_empty() {
            mux.reset(id, Reason::Reset);
            flows.remove(&id);
        } else {
            mux.finish(id);
            flow.finished = true;
            flow.abandoned = Some(Instant::now());
            if flow.ended || flow.gone.is_some() {
                flows.remove(&id);
            }
        }
        drop(state);
        self.output.notify_one();
    }

    /// Gives up streams that are open at the other end only.
    pub(super) fn sweep(&self, now: Instant) {
        let mut state = self.state();
        let State { mux, flows, .. } = &mut *state;
        flows.retain(|id, flow| {
            let over = flow.abandoned.is_some_and(|since| now - since >= LINGER);
            if over {
                mux.reset(*id, Reason::Reset);
            }
            !over
        });
        drop(state);
        self.output.notify_one();
    }

    /// The connection is over, and its streams with it.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for flow in state.flows.values_mut() {
            flow.gone = flow.gone.or(Some(Reason::Reset));
            flow.wake();
        }
    }
}

impl State {
    /// Brings the streams to what the sandbox did.
    fn settle(&mut self) -> Vec<Happened> {
        let mut happened = Vec::new();
        while let Some(event) = self.mux.event() {
            match event {
                Event::Ready { .. } => happened.push(Happened::Ready),
                Event::Message(message) => happened.push(Happened::Message(message)),
                Event::Open(id, Target::Accepted { listener, from }) => {
                    if self.flows.len() >= MOST_FLOWS {
                        self.mux.reset(id, Reason::Busy);
                        continue;
                    }
                    // From now on, because its bytes may follow at once.
                    self.flows.insert(id, Flow::default());
                    happened.push(Happened::Accepted { id, listener, from });
                }
                Event::Open(id, Target::Dial(_)) => self.mux.reset(id, Reason::Refused),
                Event::Opened(id) => self.of(id, |flow| flow.open = true),
                Event::Data(id, bytes) => self.received(id, bytes),
                Event::End(id) => {
                    self.of(id, |flow| flow.ended = true);
                    self.drop_abandoned(id);
                }
                Event::Reset(id, reason) => {
                    self.of(id, |flow| {
                        flow.gone = Some(reason);
                        flow.inbox.clear();
                    });
                    self.drop_abandoned(id);
                }
                Event::Writable(id) => self.of(id, |_| ()),
                Event::Pong => {}
            }
        }
        happened
    }

    fn of(&mut self, id: StreamId, change: impl FnOnce(&mut Flow)) {
        if let Some(flow) = self.flows.get_mut(&id) {
            change(flow);
            flow.wake();
        }
    }

    fn received(&mut self, id: StreamId, bytes: Vec<u8>) {
        let Some(flow) = self.flows.get_mut(&id) else {
            return;
        };
        if flow.abandoned.is_some() {
            self.mux.reset(id, Reason::Reset);
            self.flows.remove(&id);
        } else if !bytes.is_empty() {
            flow.inbox.push_back(bytes);
            flow.wake();
        }
    }

    fn drop_abandoned(&mut self, id: StreamId) {
        if self
            .flows
            .get(&id)
            .is_some_and(|flow| flow.abandoned.is_some())
        {
            self.flows.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_that_opens_and_resets_streams_in_turn_waits_for_those_that_serve_them() {
        let link = Link::new();
        let mut sandbox = Mux::new(Side::Sandbox, 0);
        let from = "10.0.0.1:1".parse().unwrap();
        for _ in 0..3 * MOST_FLOWS {
            let target = Target::Accepted { listener: 1, from };
            let id = sandbox.open(target).unwrap();
            sandbox.reset(id, Reason::Reset);
        }
        let happened = link.feed(sandbox.output()).unwrap();
        let accepted = happened.iter().filter_map(|one| match one {
            Happened::Accepted { id, .. } => Some(*id),
            _ => None,
        });
        let accepted: Vec<StreamId> = accepted.collect();
        assert_eq!(accepted.len(), MOST_FLOWS);
        for id in accepted {
            link.abandon(id);
        }
        assert!(link.state().flows.is_empty());
    }
}
