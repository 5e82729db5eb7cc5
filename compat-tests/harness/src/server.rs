use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

use postgres_fixture::Cluster;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Where the namespace of a test server lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Metadata {
    /// In the server.
    #[default]
    Embedded,
    /// In a database of its own on this test process's PostgreSQL.
    Postgres,
}

/// How a test server is started, besides the defaults.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The namespace.
    pub metadata: Metadata,
    /// Further flags of `holdfast server`.
    pub flags: Vec<String>,
    /// Where its data is, when not in its own directory; whoever names it removes it.
    pub data: Option<PathBuf>,
}

/// A real `holdfast server` on free ports and a directory of its own; killed and removed when dropped.
pub struct Server {
    /// The root account's access key.
    pub access_key: String,
    /// The root account's secret key.
    pub secret_key: String,
    dir: TempDir,
    data: PathBuf,
    flags: Vec<String>,
    child: Option<Child>,
    addresses: Addresses,
}

/// Where the doors of a server answer, as it printed them.
#[derive(Debug, Clone, Default)]
struct Addresses {
    s3: String,
    master: String,
    volume: String,
}

const START_LIMIT: Duration = Duration::from_secs(30);

impl Server {
    /// Starts one and waits until it says that it is ready.
    #[track_caller]
    pub fn start(options: Options) -> Self {
        Self::try_start(options)
            .unwrap_or_else(|log| panic!("holdfast server ended before it was ready\n{log}"))
    }

    /// Starts one and waits until it says that it is ready. An error: it ended before that; what it logged.
    #[track_caller]
    pub fn try_start(options: Options) -> Result<Self, String> {
        let dir = TempDir::with_prefix("holdfast-test-").expect("a temporary directory");
        let mut flags = options.flags;
        if options.metadata == Metadata::Postgres {
            flags.push(format!("--metadata={}", Cluster::shared().fresh_database()));
        }
        let mut server = Self {
            access_key: "AKIDTEST".to_owned(),
            secret_key: "a secret for tests only".to_owned(),
            data: options.data.unwrap_or_else(|| dir.path().join("data")),
            dir,
            flags,
            child: None,
            addresses: Addresses::default(),
        };
        server.try_restart()?;
        Ok(server)
    }

    /// `http://host:port` of S3.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.addresses.s3)
    }

    /// `host:port` of S3.
    pub fn s3_address(&self) -> &str {
        &self.addresses.s3
    }

    /// `host:port` of the master.
    pub fn master_address(&self) -> &str {
        &self.addresses.master
    }

    /// `host:port` of the volume server.
    pub fn volume_address(&self) -> &str {
        &self.addresses.volume
    }

    /// The server's directory; its data is in `data`, unless [`Options::data`] said otherwise.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Its process id.
    #[track_caller]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Kills it as `kill -9` does, and waits until it is gone.
    #[track_caller]
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Asks it to stop as `kill` does, and waits until it has; fails unless its exit code is 0.
    #[track_caller]
    pub fn terminate(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::TERM).expect("signalled");
        let status = child.wait().expect("gone");
        assert!(status.success(), "holdfast server ended with {status}\n{}", self.log());
    }

    /// Starts it again on the same directory, after [`Server::kill`] or [`Server::terminate`]. Ports may change.
    #[track_caller]
    pub fn restart(&mut self) {
        self.try_restart().unwrap_or_else(|log| panic!("holdfast server ended before it was ready\n{log}"));
    }

    #[track_caller]
    fn try_restart(&mut self) -> Result<(), String> {
        assert!(self.child.is_none(), "the server runs already");
        let log = fs::File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut child = Command::new(binary())
            .arg("server")
            .arg("--data")
            .arg(&self.data)
            .args(["--s3=127.0.0.1:0", "--master=127.0.0.1:0", "--volume=127.0.0.1:0"])
            .args(&self.flags)
            .env("HOLDFAST_ROOT_ACCESS_KEY", &self.access_key)
            .env("HOLDFAST_ROOT_SECRET_KEY", &self.secret_key)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the holdfast binary starts");
        let out = child.stdout.take().expect("piped");
        self.child = Some(child);
        self.addresses = self.await_ready(BufReader::new(out))?;
        Ok(())
    }

    /// Resident memory, in bytes.
    #[track_caller]
    pub fn rss_bytes(&self) -> u64 {
        self.status_bytes("VmRSS:")
    }

    /// The most memory that was ever resident since the process started, in bytes.
    #[track_caller]
    pub fn peak_rss_bytes(&self) -> u64 {
        self.status_bytes("VmHWM:")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn status_bytes(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).expect("the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line of the status");
        let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
        kib * 1024
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    /// Reads the banner up to its last line; the rest of the output is drained, so that the server never blocks.
    #[track_caller]
    fn await_ready(&mut self, mut out: BufReader<std::process::ChildStdout>) -> Result<Addresses, String> {
        let start = Instant::now();
        let mut addresses = Addresses::default();
        let mut line = String::new();
        loop {
            line.clear();
            let read = out.read_line(&mut line).expect("readable output");
            if read == 0 {
                self.kill();
                return Err(self.log());
            }
            assert!(start.elapsed() < START_LIMIT, "holdfast server is not ready after {START_LIMIT:?}");
            let mut words = line.split_whitespace();
            let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            match name {
                "S3" => addresses.s3 = value.trim_start_matches("http://").to_owned(),
                "Master" => addresses.master = value.trim_start_matches("http://").to_owned(),
                "Volumes" => addresses.volume = value.trim_start_matches("http://").to_owned(),
                "Ready" => break,
                _ => {}
            }
        }
        thread::spawn(move || for _ in out.lines() {});
        Ok(addresses)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
    }
}

/// The root of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The binary of this build: `$HOLDFAST_BINARY`, else built once a test process, which costs nothing when it
/// is up to date.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("HOLDFAST_BINARY") {
            return path.into();
        }
        let test = std::env::current_exe().expect("the test's own path");
        let profile = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "cli"]).current_dir(workspace());
        if profile.ends_with("release") {
            build.arg("--release");
        }
        let built = build.status().expect("cargo runs");
        assert!(built.success(), "cargo build --package cli: {built}");
        profile.join("holdfast")
    })
}

/// A server on a directory of the caller's, with no keys given; killed when the value is dropped.
#[track_caller]
pub fn start_bare(data: &Path) -> impl Drop {
    let mut child = Command::new(binary())
        .args(["server", "--s3=127.0.0.1:0", "--master=127.0.0.1:0", "--volume=127.0.0.1:0", "--data"])
        .arg(data)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the holdfast binary starts");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let ready = out.lines().map_while(Result::ok).any(|line| line.trim_start().starts_with("Ready"));
    assert!(ready, "holdfast server ended before it was ready");
    Bare(child)
}

struct Bare(Child);

impl Drop for Bare {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
