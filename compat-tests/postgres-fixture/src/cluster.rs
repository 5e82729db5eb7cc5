use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{
    binaries,
    guard::{self, Watchdog},
};

/// What a cluster is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether commits wait for the disk. Off is faster, and a test of crashes must not do it.
    pub fsync: bool,
    /// Connections at once.
    pub max_connections: u32,
    /// Further settings of `postgresql.conf`: names and values.
    pub settings: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { fsync: true, max_connections: 200, settings: Vec::new() }
    }
}

/// A running PostgreSQL server on a free loopback port, with its files in a temporary directory.
///
/// Its superuser is `postgres` with the password [`Cluster::PASSWORD`]. Dropped: stopped and removed.
pub struct Cluster {
    dir: PathBuf,
    port: u16,
    options: Options,
    owner: Option<Owner>,
    server: Mutex<Option<Child>>,
    databases: AtomicU32,
    /// Last: it removes what the others used.
    _watchdog: Watchdog,
}

/// The user that runs the server when we are root, which the server refuses.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

const START_WITHIN: Duration = Duration::from_secs(60);
const PORTS_TO_TRY: u32 = 5;

impl Cluster {
    /// The superuser's password.
    pub const PASSWORD: &str = "kelp forest"; // the space must be escaped in a URL

    /// The one cluster of this test process, started on first use and ended with the process.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(Options::default()))
    }

    /// A cluster of one's own: for tests that kill or restart it. Panics, saying why, when it cannot be started.
    pub fn start(options: Options) -> Self {
        let bin = binaries::directory();
        let owner = Owner::needed();
        let dir = new_directory(owner);
        let watchdog = Watchdog::over(&dir);
        initialise(&bin, &dir, owner);
        let mut cluster = Self {
            dir,
            port: 0,
            options,
            owner,
            server: Mutex::new(None),
            databases: AtomicU32::new(0),
            _watchdog: watchdog,
        };
        cluster.start_on_a_free_port();
        cluster
    }

    /// The URL of the maintenance database `postgres`.
    pub fn url(&self) -> String {
        self.url_for("postgres")
    }

    /// The URL of a database, which may not exist.
    pub fn url_for(&self, database: &str) -> String {
        let password = Self::PASSWORD.replace(' ', "%20");
        format!("postgres://postgres:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Makes an empty database and returns its URL.
    pub fn fresh_database(&self) -> String {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"));
        self.url_for(&name)
    }

    /// Runs SQL in a database given by name or URL; returns the rows as text: `|` between columns, one line a row.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let name = database.rsplit('/').next().unwrap_or(database);
        let output = Command::new(binaries::directory().join("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", name, "-c", sql])
            .env("PGHOST", &self.dir)
            .env("PGPORT", self.port.to_string())
            .output()
            .expect("psql starts");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "psql: {sql}: {errors}");
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// The TCP port on 127.0.0.1; the same for the cluster's whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `kill -9` of every process of the server. [`Cluster::restart`] starts it again.
    pub fn kill(&self) {
        let mut server = self.server();
        guard::kill_all_in(&self.data());
        if let Some(mut server) = server.take() {
            let _ = server.wait();
        }
    }

    /// Stops the server, if it runs, as an operator would, and starts it again on the same port. Returns when it
    /// answers.
    pub fn restart(&self) {
        self.stop();
        if let Err(reason) = self.try_start() {
            panic!("PostgreSQL did not start again: {reason}");
        }
    }

    /// Stops the server as an operator would: open connections are told and closed.
    pub fn stop(&self) {
        let mut server = self.server();
        let Some(mut child) = server.take() else { return };
        if let Some(pid) = Pid::from_raw(child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::INT); // "fast shutdown"
        }
        wait_or_kill(&mut child, &self.data());
    }

    fn start_on_a_free_port(&mut self) {
        let mut reason = String::new();
        for _ in 0..PORTS_TO_TRY {
            self.port = free_port();
            match self.try_start() {
                Ok(()) => return,
                Err(failure) => reason = failure, // somebody may have taken the port in between
            }
        }
        panic!("PostgreSQL did not start: {reason}");
    }

    /// Starts the server on `self.port` and waits until it answers; the reason is the end of its log.
    fn try_start(&self) -> Result<(), String> {
        let log = File::create(self.dir.join("server.log")).expect("log file");
        let mut command = self.owned(Command::new(binaries::directory().join("postgres")));
        command.arg("-D").arg(self.data()).args(self.settings()).current_dir("/").stdin(Stdio::null());
        let log_too = log.try_clone().expect("log file");
        let mut child = command.stdout(log).stderr(log_too).spawn().expect("postgres starts");
        let started = self.wait_until_ready(&mut child);
        if started.is_err() {
            guard::kill_all_in(&self.data());
            let _ = child.wait();
        } else {
            *self.server() = Some(child);
        }
        started
    }

    fn settings(&self) -> Vec<String> {
        let fsync = if self.options.fsync { "on" } else { "off" };
        let fixed = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", self.dir.display().to_string()),
            ("max_connections", self.options.max_connections.to_string()),
            ("fsync", fsync.to_owned()),
            ("shared_buffers", "128MB".to_owned()),
            ("dynamic_shared_memory_type", "mmap".to_owned()), // /dev/shm of a container is small
            ("log_min_messages", "warning".to_owned()),
            ("timezone", "UTC".to_owned()),
        ];
        let fixed = fixed.into_iter().map(|(name, value)| format!("{name}={value}"));
        let further = self.options.settings.iter().map(|(name, value)| format!("{name}={value}"));
        fixed.chain(further).flat_map(|setting| ["-c".to_owned(), setting]).collect()
    }

    fn wait_until_ready(&self, child: &mut Child) -> Result<(), String> {
        let deadline = Instant::now() + START_WITHIN;
        loop {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(format!("{status}; its log: {}", self.log()));
            }
            if self.is_ready(child.id()) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("no answer within {START_WITHIN:?}; its log: {}", self.log()));
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The last line of `postmaster.pid` is the server's own word on its state, the first one tells whether it
    /// is of this server or of one that was killed.
    fn is_ready(&self, server: u32) -> bool {
        let status = fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines();
        lines.next() == Some(&server.to_string())
            && lines.nth(6).is_some_and(|line| line.trim_end() == "ready")
    }

    fn log(&self) -> String {
        fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    fn owned(&self, command: Command) -> Command {
        as_owner(command, self.owner)
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// A test that panicked while it held the lock must not keep the server from being stopped.
    fn server(&self) -> MutexGuard<'_, Option<Child>> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill(); // the files go too: nothing is worth a clean shutdown
    }
}

impl Owner {
    /// `None` unless we are root.
    fn needed() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let owner = ["postgres", "nobody"].iter().find_map(|name| Self::named(&users, name));
        assert!(
            owner.is_some(),
            "the PostgreSQL server refuses to run as root, and there is no user `postgres`"
        );
        owner
    }

    fn named(users: &str, name: &str) -> Option<Self> {
        let user = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = user.split(':').skip(2);
        Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
    }
}

fn as_owner(mut command: Command, owner: Option<Owner>) -> Command {
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// Kept short: the path of a Unix socket has at most 107 bytes.
fn new_directory(owner: Option<Owner>) -> PathBuf {
    let dir = tempfile::Builder::new().prefix("holdfast-pg-").tempdir().expect("a temporary directory");
    let dir = dir.keep().canonicalize().expect("a path"); // the watchdog removes it
    if let Some(Owner { uid, gid }) = owner {
        chown(&dir, Some(uid), Some(gid)).expect("chown of a directory of ours");
    }
    dir
}

fn initialise(bin: &Path, dir: &Path, owner: Option<Owner>) {
    let password = dir.join("password");
    fs::write(&password, Cluster::PASSWORD).expect("password file");
    let mut command = as_owner(Command::new(bin.join("initdb")), owner);
    command.arg("-D").arg(dir.join("data")).arg("--pwfile").arg(&password);
    command.args(["-U", "postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"]);
    command.args(["--auth-local=trust", "--auth-host=scram-sha-256"]);
    let output = command.current_dir("/").output().expect("initdb starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "initdb in {}: {errors}", dir.display());
}

/// Free a moment ago; somebody else may take it before the server does.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn wait_or_kill(child: &mut Child, data: &Path) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while Instant::now() < deadline {
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    guard::kill_all_in(data);
    let _ = child.wait();
}
