//! A container of the pod.
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use libcontainer::container::Container;
use libcontainer::container::builder::ContainerBuilder;
use libcontainer::syscall::syscall::SyscallType;
use rustix::fd::OwnedFd;
use rustix::fs::OFlags;
use rustix::mount::{MountPropagationFlags, UnmountFlags};

use super::exec::Exec;
use super::log::Log;
use super::process::{Pipes, Process};
use super::tidy;
use crate::bundle::{self, Bind};
use crate::users::{self, Account, open_inside};
use crate::wire::{Plan, PlannedMount, State};
use crate::{Error, cgroup, files, time};

/// Where libcontainer keeps its own state, in the pod's directory.
const STATES: &str = "run";

/// How the places of parts of volumes begin, in a container's directory.
const PART: &str = "part-";

pub(super) struct Contained {
    pub(super) plan: Plan,
    pub(super) process: u64,
    pod: PathBuf,
    folder: PathBuf,
    account: Account,
    container: Option<Container>,
    since_ms: Option<i64>,
}

/// What a process is given, and our ends of it.
struct Given {
    input: OwnedFd,
    output: OwnedFd,
    errors: OwnedFd,
    pipes: Pipes,
}

impl Contained {
    /// Makes a container from the plan in its folder; its first process waits to be started.
    pub(super) fn create(pod: &Path, folder: &Path) -> Result<(Self, Process), Error> {
        let folder = pod.join(folder);
        let plan = fs::read(folder.join("plan.json")).map_err(Error::Io)?;
        let plan: Plan = serde_json::from_slice(&plan).map_err(Error::Wire)?;
        // What a shim that is gone began, or this one when it failed.
        files::remove(&pod.join(STATES).join(&plan.id))?;
        unmount_all(&folder)?;
        let root = mount_root(&plan, &folder)?;
        let account = users::find(&root, &plan.user)?;
        let binds = binds(&plan, pod, &folder)?;
        let config = bundle::config(&plan, &account, &root, &binds);
        let config = serde_json::to_vec(&config).map_err(Error::Wire)?;
        fs::write(folder.join("config.json"), config).map_err(Error::Io)?;
        let mut contained = Self {
            plan,
            process: 0,
            pod: pod.to_owned(),
            folder,
            account,
            container: None,
            since_ms: None,
        };
        let process = contained.make()?;
        contained.save(&State::Created)?;
        Ok((contained, process))
    }

    pub(super) const fn with_process(mut self, process: u64) -> Self {
        self.process = process;
        self
    }

    fn builder(&self) -> Result<ContainerBuilder, Error> {
        let id = self.plan.id.clone();
        let states = self.pod.join(STATES);
        fs::create_dir_all(&states).map_err(Error::Io)?;
        let builder = ContainerBuilder::new(id, SyscallType::default()).with_executor(Exec);
        Ok(builder.with_root_path(states)?)
    }

    fn make(&mut self) -> Result<Process, Error> {
        let log = Log::open(&self.folder.join("log"))?;
        let (console, given) = self.given(self.plan.input.tty, self.plan.input.open, "console")?;
        let mut builder = self.builder()?;
        let mut pipes = None;
        if let Some((path, _)) = &console {
            builder = builder.with_console_socket(Some(path));
        } else if let Some(given) = given {
            builder = builder
                .with_stdin(given.input)
                .with_stdout(given.output)
                .with_stderr(given.errors);
            pipes = Some(given.pipes);
        }
        let builder = builder.as_init(&self.folder).with_systemd(false);
        let container = tidy::build(|| builder.with_detach(true).build())?;
        let pid = container.pid().ok_or(Error::Usage)?.as_raw();
        self.container = Some(container);
        let pipes = match (pipes, console) {
            (Some(pipes), _) => pipes,
            (None, Some((path, door))) => terminal(&door, &path)?,
            (None, None) => return Err(Error::Usage),
        };
        Process::new(pid, pipes, Some(log), self.plan.input.once)
    }

    /// A socket on which a terminal arrives, or pipes.
    #[expect(
        clippy::type_complexity,
        reason = "one of two, for the caller next door"
    )]
    fn given(
        &self,
        tty: bool,
        stdin: bool,
        name: &str,
    ) -> Result<(Option<(PathBuf, UnixListener)>, Option<Given>), Error> {
        if tty {
            let path = self.folder.join(name);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::Io(error));
                }
                _ => {}
            }
            let door = files::bind(&path)?;
            return Ok((Some((path, door)), None));
        }
        let (input, ours) = if stdin {
            let (read, write) = pipe()?;
            nonblocking(&write)?;
            (read, Some(write))
        } else {
            (
                OwnedFd::from(File::open("/dev/null").map_err(Error::Io)?),
                None,
            )
        };
        let (out, output) = pipe()?;
        let (err, errors) = pipe()?;
        nonblocking(&out)?;
        nonblocking(&err)?;
        let pipes = Pipes {
            input: ours,
            output: Some(out),
            errors: Some(err),
            tty: false,
        };
        let given = Given {
            input,
            output,
            errors,
            pipes,
        };
        Ok((None, Some(given)))
    }

    pub(super) fn start(&mut self) -> Result<(), Error> {
        if self.since_ms.is_some() {
            return Ok(());
        }
        let Some(container) = &mut self.container else {
            return Ok(());
        };
        container.start()?;
        let since_ms = time::now_ms();
        self.since_ms = Some(since_ms);
        self.save(&State::Running { since_ms })
    }

    pub(super) fn signal(&mut self, signal: i32) -> Result<(), Error> {
        let Some(pid) = self.container.as_ref().and_then(Container::pid) else {
            return Ok(());
        };
        let pid = rustix::process::Pid::from_raw(pid.as_raw()).ok_or(Error::Usage)?;
        let signal =
            named(signal).ok_or_else(|| Error::Refused(format!("there is no signal {signal}")))?;
        match rustix::process::kill_process(pid, signal) {
            Err(error) if error != rustix::io::Errno::SRCH => {
                Err(Error::step("send a signal")(error))
            }
            _ => Ok(()),
        }
    }

    /// Its first process has ended, and with it all others.
    pub(super) fn ended(&mut self, code: i32) -> Result<(), Error> {
        let now_ms = time::now_ms();
        let oom_killed = code == 137 && cgroup::was_oom_killed(&self.plan.pod, &self.plan.id);
        self.save(&State::Ended {
            code,
            oom_killed,
            started_ms: self.since_ms.unwrap_or(now_ms),
            finished_ms: now_ms,
            problem: None,
        })?;
        self.drop_container()
    }

    fn drop_container(&mut self) -> Result<(), Error> {
        match self.container.take() {
            Some(mut container) => Ok(container.delete(true)?),
            None => Ok(()),
        }
    }

    /// Frees everything but the files.
    pub(super) fn remove(&mut self) -> Result<(), Error> {
        self.drop_container()?;
        unmount_all(&self.folder)
    }

    pub(super) fn exec(
        &mut self,
        command: &[String],
        tty: bool,
        stdin: bool,
    ) -> Result<Process, Error> {
        let Some(container) = &mut self.container else {
            return Err(Error::Refused("the container does not run".to_owned()));
        };
        container.refresh_status()?;
        container.save()?;
        let (console, given) = self.given(tty, stdin, "exec-console")?;
        let mut builder = self.builder()?;
        let mut pipes = None;
        if let Some((path, _)) = &console {
            builder = builder.with_console_socket(Some(path));
        } else if let Some(given) = given {
            builder = builder
                .with_stdin(given.input)
                .with_stdout(given.output)
                .with_stderr(given.errors);
            pipes = Some(given.pipes);
        }
        let process = bundle::process(&self.plan, &self.account, command, tty);
        let path = self.folder.join("exec.json");
        files::write_json(&path, &process)?;
        let builder = builder.as_tenant().with_process(Some(path));
        let pid = tidy::build(|| builder.with_detach(true).build());
        tidy::sweep(&self.pod.join(STATES).join(&self.plan.id))?;
        let pid = pid?;
        let pipes = match (pipes, console) {
            (Some(pipes), _) => pipes,
            (None, Some((path, door))) => terminal(&door, &path)?,
            (None, None) => return Err(Error::Usage),
        };
        Process::new(pid.as_raw(), pipes, None, true)
    }

    /// Reads the start of a file, also of a container that has ended.
    pub(super) fn read(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, Error> {
        let file = if path == self.plan.termination_path {
            File::open(self.folder.join("termination")).map_err(Error::Io)
        } else {
            open_inside(&self.folder.join("root"), path)
        };
        let Ok(file) = file else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(limit as u64)
            .read_to_end(&mut bytes)
            .map_err(Error::Io)?;
        Ok(Some(bytes))
    }

    fn save(&self, state: &State) -> Result<(), Error> {
        files::write_json(&self.folder.join("state.json"), state)
    }
}

/// A signal by its number, those of real time included.
#[expect(
    unsafe_code,
    reason = "it is sent to a container, and no handler of ours gets it"
)]
fn named(number: i32) -> Option<rustix::process::Signal> {
    match number {
        // SAFETY: the kernel has these, and the C library's own are not among them.
        34..=64 => Some(unsafe { rustix::process::Signal::from_raw_unchecked(number) }),
        _ => rustix::process::Signal::from_named_raw(number),
    }
}

/// Unmounts the root of a container, and the parts of volumes beside it.
fn unmount_all(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::Io)? {
        let name = entry.map_err(Error::Io)?.file_name();
        if name != "root" && !name.as_encoded_bytes().starts_with(PART.as_bytes()) {
            continue;
        }
        // What is mounted twice is unmounted twice.
        loop {
            match rustix::mount::unmount(folder.join(&name), UnmountFlags::DETACH) {
                Ok(()) => {}
                Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOENT) => break,
                Err(error) => return Err(Error::step("unmount a directory")(error)),
            }
        }
    }
    Ok(())
}

/// The root of a container: the image's layers below a directory of its own.
fn mount_root(plan: &Plan, folder: &Path) -> Result<PathBuf, Error> {
    let (upper, work, root) = (
        folder.join("upper"),
        folder.join("work"),
        folder.join("root"),
    );
    for path in [&upper, &work, &root] {
        fs::create_dir_all(path).map_err(Error::Io)?;
    }
    let lowers: Vec<OsString> = plan
        .layers
        .iter()
        .map(|path| path.clone().into_os_string())
        .collect();
    crate::unpack::overlay(&lowers, &upper, &work, &root)?;
    if !plan.working_dir.is_empty() {
        files::make_inside(&root, &plan.working_dir)?;
    }
    Ok(root)
}

/// The files of the pod that a container sees, and its volumes.
fn binds(plan: &Plan, pod: &Path, folder: &Path) -> Result<Vec<Bind>, Error> {
    let termination = folder.join("termination");
    fs::write(&termination, b"").map_err(Error::Io)?;
    files::set_mode(&termination, 0o666)?;
    let text = |path: &Path| {
        let text = path.to_str().map(ToOwned::to_owned);
        text.ok_or_else(|| Error::Refused("a path is not UTF-8".to_owned()))
    };
    let mut binds = Vec::new();
    for mount in &plan.mounts {
        let from = source(mount, folder, binds.len())?;
        binds.push(Bind {
            from: text(&from)?,
            to: mount.path.clone(),
            read_only: mount.read_only,
        });
    }
    let has = |path: &str, binds: &[Bind]| {
        binds
            .iter()
            .any(|bind| bind.to.trim_end_matches('/') == path)
    };
    let own = [
        (pod.join("resolv.conf"), "/etc/resolv.conf", false),
        (pod.join("hosts"), "/etc/hosts", false),
        (pod.join("hostname"), "/etc/hostname", false),
        (pod.join("shm"), "/dev/shm", false),
        (termination, plan.termination_path.as_str(), false),
    ];
    for (from, to, read_only) in own {
        if !has(to, &binds) {
            binds.push(Bind {
                from: text(&from)?,
                to: to.to_owned(),
                read_only,
            });
        }
    }
    // Nothing hides what is below it.
    binds.sort_by_key(|bind| bind.to.trim_end_matches('/').matches('/').count());
    Ok(binds)
}

/// The directory of a volume, or a part of it: opened so that no link leads out of the volume, and
/// mounted beside the container while it is held open.
fn source(mount: &PlannedMount, folder: &Path, number: usize) -> Result<PathBuf, Error> {
    let Some(part) = &mount.sub_path else {
        return Ok(mount.volume.clone());
    };
    let held = files::open_or_make(&mount.volume, part)?;
    let place = folder.join(format!("{PART}{number}"));
    if held.is_dir {
        fs::create_dir_all(&place).map_err(Error::Io)?;
    } else {
        fs::write(&place, b"").map_err(Error::Io)?;
    }
    rustix::mount::mount_bind(held.path(), &place)
        .map_err(Error::step("mount a part of a volume"))?;
    rustix::mount::mount_change(&place, MountPropagationFlags::PRIVATE)
        .map_err(Error::step("mount a part of a volume"))?;
    Ok(place)
}

fn pipe() -> Result<(OwnedFd, OwnedFd), Error> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(Error::step("make a pipe"))
}

fn nonblocking(fd: &OwnedFd) -> Result<(), Error> {
    let flags = rustix::fs::fcntl_getfl(fd).map_err(Error::step("open a pipe"))?;
    rustix::fs::fcntl_setfl(fd, flags | OFlags::NONBLOCK).map_err(Error::step("open a pipe"))
}

/// The terminal that the new process sent, which it did before it said that it waits.
fn terminal(door: &UnixListener, path: &Path) -> Result<Pipes, Error> {
    let (stream, _) = door.accept().map_err(Error::Io)?;
    let output = files::receive(&stream)?;
    nonblocking(&output)?;
    let input =
        rustix::io::fcntl_dupfd_cloexec(&output, 0).map_err(Error::step("open a terminal"))?;
    fs::remove_file(path).map_err(Error::Io)?;
    Ok(Pipes {
        input: Some(input),
        output: Some(output),
        errors: None,
        tty: true,
    })
}
