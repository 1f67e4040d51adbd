//! The process of a pod: it holds the pod's namespaces, makes its containers, reads what they write
//! and sees them end. It has one thread, since the kernel's namespaces and `fork` want it so, and it
//! outlives the server.
//!
//! What it knows it writes to files whenever it changes, so whoever comes later can read it.
mod client;
mod container;
mod exec;
mod log;
mod process;
mod tidy;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use client::{Client, Mode};
use container::Contained;
use process::Process;
use rustix::event::{PollFd, PollFlags};
use rustix::fd::{AsFd as _, AsRawFd as _, OwnedFd};
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{Pid, PidfdFlags, WaitOptions};
use rustix::thread::UnshareFlags;

use crate::unpack::unshare;
use crate::wire::{Answer, PodPlan, Request, Shimmed, State, kind};
use crate::{Error, files, net};

/// Runs the shim of the pod whose directory is the only argument, until it is told to end.
pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let [folder] = arguments else {
        return Err(Error::Usage);
    };
    std::env::set_current_dir(folder).map_err(Error::Io)?;
    let plan = fs::read("pod.json").map_err(Error::Io)?;
    let plan: PodPlan = serde_json::from_slice(&plan).map_err(Error::Wire)?;
    let mut shim = Shim::start(PathBuf::from(folder), &plan)?;
    while !shim.ends {
        shim.turn()?;
    }
    Ok(())
}

/// How often a process's output is read after its end: a terminal gives little at a time.
const LAST_READS: usize = 256;

/// What a descriptor that became ready belongs to.
#[derive(Clone, Copy, Debug)]
enum Source {
    Door,
    Client(u64),
    Input(u64),
    Output(u64),
    Errors(u64),
    Death(u64),
    Sandbox,
}

struct Shim {
    folder: PathBuf,
    _lock: fs::File,
    door: UnixListener,
    sandbox: OwnedFd,
    /// The bridge's namespace, which lives as long as somebody has it open.
    space: OwnedFd,
    clients: BTreeMap<u64, Client>,
    processes: BTreeMap<u64, Process>,
    containers: BTreeMap<String, Contained>,
    next: u64,
    ends: bool,
}

impl Shim {
    fn start(folder: PathBuf, plan: &PodPlan) -> Result<Self, Error> {
        // Somebody may just be looking whether it is held.
        let lock = files::lock_folder(Path::new("."))?;
        bury_lost()?;
        rustix::process::setsid().map_err(Error::step("leave the session"))?;
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
            .map_err(Error::step("adopt processes"))?;
        // The name of the socket is relative, as paths of sockets are short.
        match fs::remove_file("shim.sock") {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::Io(error)),
            _ => {}
        }
        let door = UnixListener::bind("shim.sock").map_err(Error::Io)?;
        door.set_nonblocking(true).map_err(Error::Io)?;
        unshare(UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS)?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private).map_err(Error::step("mount"))?;
        rustix::system::sethostname(plan.hostname.as_bytes())
            .map_err(Error::step("name the host"))?;
        // Whoever starts a shim gives it the bridge's namespace as its standard input.
        let space = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)
            .map_err(Error::step("keep the network"))?;
        net::join(space.as_fd(), plan)?;
        mount_shared_memory()?;
        let sandbox = start_sandbox()?;
        let mut shim = Self {
            folder,
            _lock: lock,
            door,
            sandbox,
            space,
            clients: BTreeMap::new(),
            processes: BTreeMap::new(),
            containers: BTreeMap::new(),
            next: 0,
            ends: false,
        };
        shim.tell_ready()?;
        Ok(shim)
    }

    /// The process that started this one reads a line.
    fn tell_ready(&mut self) -> Result<(), Error> {
        let own = Shimmed {
            pid: std::process::id(),
            space: self.space.as_raw_fd(),
        };
        files::write_json(Path::new("shim.json"), &own)?;
        // Who started this one may be gone; the next one finds it.
        let _gone = writeln!(io::stdout(), "ready");
        let null = fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(Error::Io)?;
        rustix::stdio::dup2_stdin(&null).map_err(Error::step("close the input"))?;
        rustix::stdio::dup2_stdout(&null).map_err(Error::step("close the output"))
    }

    /// Waits until something happens, and handles it.
    fn turn(&mut self) -> Result<(), Error> {
        let ready = self.wait()?;
        reap(&mut self.processes)?;
        for source in ready {
            match source {
                Source::Door => self.welcome()?,
                Source::Client(id) => self.serve(id),
                Source::Input(id) => {
                    if let Some(process) = self.processes.get_mut(&id) {
                        process.feed();
                    }
                }
                Source::Output(id) => drop(self.pump(id, false)),
                Source::Errors(id) => drop(self.pump(id, true)),
                Source::Death(id) => self.bury(id)?,
                Source::Sandbox => {
                    tracing::error!("the sandbox of the pod has ended");
                    self.end_all();
                }
            }
        }
        self.clients.retain(|_, client| !client.is_gone());
        Ok(())
    }

    fn wait(&self) -> Result<Vec<Source>, Error> {
        let mut polled = vec![
            (Source::Door, PollFd::new(&self.door, PollFlags::IN)),
            (Source::Sandbox, PollFd::new(&self.sandbox, PollFlags::IN)),
        ];
        for (id, client) in &self.clients {
            let flags = client.interest(|process| self.is_full(process));
            polled.push((Source::Client(*id), PollFd::new(&client.stream, flags)));
        }
        for (id, process) in &self.processes {
            let full = process.is_bound_to_clients()
                && self
                    .clients
                    .values()
                    .any(|one| one.listens_to(*id) && one.is_full());
            process.poll(*id, full, &mut polled);
        }
        let (sources, mut fds): (Vec<Source>, Vec<PollFd<'_>>) = polled.into_iter().unzip();
        loop {
            match rustix::event::poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                other => {
                    other.map_err(Error::step("wait"))?;
                    break;
                }
            }
        }
        let ready = sources.into_iter().zip(&fds);
        let ready = ready.filter(|(_, fd)| !fd.revents().is_empty());
        Ok(ready.map(|(source, _)| source).collect())
    }

    fn is_full(&self, process: u64) -> bool {
        self.processes.get(&process).is_some_and(Process::is_full)
    }

    fn welcome(&mut self) -> Result<(), Error> {
        loop {
            match self.door.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true).map_err(Error::Io)?;
                    self.next += 1;
                    self.clients.insert(self.next, Client::new(stream));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Io(error)),
            }
        }
    }

    /// Moves bytes of a client, and does what it asks.
    fn serve(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.flush();
        client.fill();
        if let Some(request) = client.request() {
            let (answer, mode) = match request.and_then(|request| self.answer(request)) {
                Ok(done) => done,
                Err(error) => (Answer::Failed(error.chain()), Mode::Asks),
            };
            if let Some(client) = self.clients.get_mut(&id) {
                client.reply(&answer, mode);
            }
        }
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if let Mode::Bound { process, stdin } = client.mode {
            while let Some((kind, payload)) = client.frame() {
                if let Some(process) = self.processes.get_mut(&process) {
                    process.take(kind, &payload, stdin);
                }
            }
            if client.is_gone()
                && let Some(bound) = self.processes.get_mut(&process)
            {
                bound.unbind(stdin);
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<(Answer, Mode), Error> {
        let plain = |answer| Ok((answer, Mode::Asks));
        match request {
            Request::Create { id } => self.create(id).and_then(|()| plain(Answer::Done)),
            Request::Start { id } => match self.containers.get_mut(&id) {
                Some(contained) => contained.start().and_then(|()| plain(Answer::Done)),
                None => plain(Answer::Missing),
            },
            Request::Signal { id, signal } => match self.containers.get_mut(&id) {
                Some(contained) => contained.signal(signal).and_then(|()| plain(Answer::Done)),
                None => plain(Answer::Missing),
            },
            Request::Remove { id } => {
                if let Some(mut contained) = self.containers.remove(&id) {
                    if let Some(process) = self.processes.remove(&contained.process) {
                        process.kill();
                    }
                    contained.remove()?;
                }
                plain(Answer::Done)
            }
            Request::Memory { volume, limit } => {
                mount_memory(&volume, limit).and_then(|()| plain(Answer::Done))
            }
            Request::Watch => Ok((Answer::Done, Mode::Watches)),
            Request::Exec {
                id,
                command,
                tty,
                stdin,
            } => {
                let Some(contained) = self.containers.get_mut(&id) else {
                    return plain(Answer::Missing);
                };
                let process = contained.exec(&command, tty, stdin)?;
                self.next += 1;
                self.processes.insert(self.next, process);
                let process = self.next;
                Ok((Answer::Stream { tty }, Mode::Bound { process, stdin }))
            }
            Request::Attach { id, stdin } => {
                let Some(contained) = self.containers.get(&id) else {
                    return plain(Answer::Missing);
                };
                let process = contained.process;
                if !self.processes.contains_key(&process) {
                    return plain(Answer::Missing);
                }
                let tty = contained.plan.input.tty;
                Ok((Answer::Stream { tty }, Mode::Bound { process, stdin }))
            }
            Request::Read { id, path, limit } => match self.containers.get(&id) {
                Some(contained) => plain(Answer::File(contained.read(&path, limit)?)),
                None => plain(Answer::Missing),
            },
            Request::End => {
                self.end_all();
                plain(Answer::Done)
            }
        }
    }

    fn create(&mut self, id: String) -> Result<(), Error> {
        if self.containers.contains_key(&id) {
            return Ok(());
        }
        let folder = Path::new("containers").join(&id);
        let (contained, process) = match Contained::create(&self.folder, &folder) {
            // It will never run: that is how it ends.
            Err(error @ Error::Container(_)) => {
                return files::write_json(
                    &folder.join("state.json"),
                    &State::never_ran(error.chain()),
                );
            }
            made => made?,
        };
        self.next += 1;
        let contained = contained.with_process(self.next);
        self.processes.insert(self.next, process);
        self.containers.insert(id, contained);
        Ok(())
    }

    /// Passes on what a process wrote, if there is anything.
    fn pump(&mut self, id: u64, errors: bool) -> bool {
        let Some(process) = self.processes.get_mut(&id) else {
            return false;
        };
        let bytes = process.read(errors);
        if bytes.is_empty() {
            return false;
        }
        let kind = if errors { kind::STDERR } else { kind::STDOUT };
        for client in self.clients.values_mut().filter(|one| one.listens_to(id)) {
            client.send(kind, &bytes);
        }
        true
    }

    /// A process has ended: everything that it wrote, and then how it ended.
    fn bury(&mut self, id: u64) -> Result<(), Error> {
        let Some(code) = self.processes.get(&id).and_then(Process::code) else {
            return Ok(());
        };
        for errors in [false, true] {
            // Bounded: what it left running may write on.
            for _ in 0..LAST_READS {
                if !self.pump(id, errors) {
                    break;
                }
            }
        }
        let Some(process) = self.processes.remove(&id) else {
            return Ok(());
        };
        process.finish();
        for client in self.clients.values_mut().filter(|one| one.listens_to(id)) {
            client.send(kind::EXIT, &code.to_be_bytes());
            client.finish();
        }
        let of = |one: &&mut Contained| one.process == id;
        if let Some(contained) = self.containers.values_mut().find(of) {
            contained.ended(code)?;
            for client in self.clients.values_mut() {
                if matches!(client.mode, Mode::Watches) {
                    client.send(kind::ENDED, &[]);
                }
            }
        }
        Ok(())
    }

    fn end_all(&mut self) {
        for process in self.processes.values() {
            process.kill();
        }
        for contained in self.containers.values_mut() {
            if let Err(error) = contained.remove() {
                tracing::warn!(error = error.chain(), "a container could not be removed");
            }
        }
        self.ends = true;
    }
}

/// What ran in the shim before this one has ended with it.
fn bury_lost() -> Result<(), Error> {
    for entry in fs::read_dir("containers").map_err(Error::Io)? {
        let path = entry.map_err(Error::Io)?.path().join("state.json");
        let state = fs::read(&path).ok();
        let state = state.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        if let Some(State::Running { since_ms }) = state {
            files::write_json(&path, &State::lost(since_ms))?;
        }
    }
    Ok(())
}

/// Takes the exit codes of all that ended, also of those that lost their parents.
fn reap(ours: &mut BTreeMap<u64, Process>) -> Result<(), Error> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => {
                if let Some(own) = ours.values_mut().find(|one| one.pid == pid) {
                    own.set_status(status);
                }
            }
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(()),
            Err(error) => return Err(Error::step("wait for a process")(error)),
        }
    }
}

/// Makes an empty directory one that is in memory, unless it is so already.
fn mount_memory(volume: &Path, limit: Option<u64>) -> Result<(), Error> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(Error::Io)?;
    let place = volume.to_string_lossy();
    if mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&*place))
    {
        return Ok(());
    }
    let mut options = "mode=1777".to_owned();
    if let Some(limit) = limit {
        options = format!("{options},size={limit}");
    }
    let options = std::ffi::CString::new(options).map_err(|_nul| Error::Usage)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount("memory", volume, "tmpfs", flags, Some(options.as_c_str()))
        .map_err(Error::step("mount"))
}

/// What containers of a pod share besides addresses.
fn mount_shared_memory() -> Result<(), Error> {
    fs::create_dir_all("shm").map_err(Error::Io)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let options = Some(c"mode=1777,size=67108864");
    rustix::mount::mount("shm", "shm", "tmpfs", flags, options).map_err(Error::step("mount"))
}

/// Starts the sandbox, which says when it is ready.
fn start_sandbox() -> Result<OwnedFd, Error> {
    use std::io::BufRead as _;
    let mut child = Command::new("/proc/self/exe")
        .args(["__sandbox", "pause", "--socket", "sandbox.sock"])
        .env_clear()
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(fs::File::create("sandbox.log").map_err(Error::Io)?)
        .spawn()
        .map_err(Error::Io)?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        io::BufReader::new(output)
            .read_line(&mut line)
            .map_err(Error::Io)?;
    }
    if line.trim() != "ready" {
        let said = fs::read_to_string("sandbox.log").unwrap_or_default();
        return Err(Error::Network(format!(
            "the sandbox does not start: {}",
            said.trim()
        )));
    }
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or(Error::Usage)?;
    rustix::process::pidfd_open(pid, PidfdFlags::empty()).map_err(Error::step("watch a process"))
}
