//! The servers that are compared, each started on core 0.

use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use postgres_fixture::{Cluster, Options};
use tempfile::TempDir;

use crate::{
    Failure,
    run::{command, must, root},
};

/// The keys that every server is started with.
pub const ACCESS_KEY: &str = "BENCHKEY";
/// See [`ACCESS_KEY`].
pub const SECRET_KEY: &str = "bench-secret-key";

const START_LIMIT: Duration = Duration::from_secs(60);

/// A server that can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Bare,
    Disk,
    Memory,
    Postgres,
    Weed,
}

impl Kind {
    /// In the order of the table.
    pub const ALL: [Self; 5] = [Self::Bare, Self::Disk, Self::Memory, Self::Postgres, Self::Weed];

    /// The head of its column.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare hyper",
            Self::Disk => "holdfast",
            Self::Memory => "holdfast, memory",
            Self::Postgres => "holdfast, PostgreSQL",
            Self::Weed => "weed server",
        }
    }

    /// Whether it can be started here.
    pub fn is_available(self) -> bool {
        self != Self::Weed || weed().is_file()
    }

    /// A server that does nothing cannot do everything.
    pub fn does(self, workload: &str) -> bool {
        self != Self::Bare || !workload.starts_with("mixed")
    }

    /// Whether it lists.
    pub fn lists(self) -> bool {
        self != Self::Bare
    }

    /// Whether a million objects are put within a minute or two.
    pub fn fills_quickly(self) -> bool {
        matches!(self, Self::Disk | Self::Memory | Self::Postgres)
    }
}

fn weed() -> PathBuf {
    root().join("target/clients/bin/weed")
}

/// A server that runs, on a directory of its own; stopped when dropped.
pub struct Running {
    /// Which.
    pub kind: Kind,
    /// `http://host:port` of its S3.
    pub endpoint: String,
    child: Child,
    _dir: TempDir,
    _postgres: Option<Cluster>,
}

impl Running {
    /// Starts one; `body_bytes` is what the bare server answers with.
    pub fn start(kind: Kind, body_bytes: u64) -> Result<Self, Failure> {
        // Not in /tmp, which may be memory.
        let dir = TempDir::with_prefix_in("bench-", root().join("target"))?;
        let data = dir.path().join("data").display().to_string();
        let postgres = match kind {
            Kind::Postgres => Some(postgres_on_the_servers_core()?),
            _ => None,
        };
        let release = |name: &str| root().join("target/release").join(name).display().to_string();
        let holdfast = |more: &[&str]| {
            let mut all = vec![release("holdfast"), "server".to_owned(), format!("--data={data}")];
            all.extend(
                ["--s3=127.0.0.1:0", "--master=127.0.0.1:0", "--volume=127.0.0.1:0", "--log=warn"]
                    .map(str::to_owned),
            );
            all.extend(more.iter().map(|flag| (*flag).to_owned()));
            all
        };
        let mut weed_endpoint = None;
        let arguments = match kind {
            Kind::Bare => vec![release("bare-hyper"), "127.0.0.1:0".to_owned(), body_bytes.to_string()],
            Kind::Disk => holdfast(&[]),
            Kind::Memory => holdfast(&["--durability=memory"]),
            Kind::Postgres => {
                let url = postgres.as_ref().map(Cluster::fresh_database).unwrap_or_default();
                holdfast(&[&format!("--metadata={url}")])
            }
            Kind::Weed => {
                let (endpoint, arguments) = weed_server(&data)?;
                weed_endpoint = Some(endpoint);
                arguments
            }
        };
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .args(arguments)
            .env("HOLDFAST_ROOT_ACCESS_KEY", ACCESS_KEY)
            .env("HOLDFAST_ROOT_SECRET_KEY", SECRET_KEY)
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let endpoint = match weed_endpoint {
            Some(endpoint) => await_port(&endpoint)?,
            None => await_banner(&mut child)?,
        };
        Ok(Self { kind, endpoint, child, _dir: dir, _postgres: postgres })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// PostgreSQL shares the server's core: its processes inherit ours for the moment of the start.
fn postgres_on_the_servers_core() -> Result<Cluster, Failure> {
    pin_to("0")?;
    let cluster = Cluster::start(Options::default());
    pin_to("0-1")?;
    Ok(cluster)
}

fn pin_to(cores: &str) -> Result<(), Failure> {
    let me = std::process::id().to_string();
    must(command("taskset", &["-cp", cores, &me]).stdout(Stdio::null()))
}

/// SeaweedFS's all-in-one server with its defaults, on free ports, without telemetry.
fn weed_server(data: &str) -> Result<(String, Vec<String>), Failure> {
    std::fs::create_dir_all(data)?;
    let ports: Vec<u16> = free_ports(4)?;
    let [master, volume, filer, s3] = ports[..] else { return Err("no free ports".into()) };
    let arguments = vec![
        weed().display().to_string(),
        "server".to_owned(),
        "-master.telemetry=false".to_owned(),
        format!("-dir={data}"),
        "-ip=127.0.0.1".to_owned(),
        format!("-master.port={master}"),
        format!("-volume.port={volume}"),
        format!("-filer.port={filer}"),
        "-filer".to_owned(),
        "-s3".to_owned(),
        format!("-s3.port={s3}"),
    ];
    Ok((format!("127.0.0.1:{s3}"), arguments))
}

/// Free ports whose number plus 10000, which SeaweedFS takes as well, is a port too.
fn free_ports(count: usize) -> Result<Vec<u16>, Failure> {
    let candidates = (20_000..40_000).step_by(37);
    let free = candidates.filter(|port| {
        TcpListener::bind(("127.0.0.1", *port)).is_ok()
            && TcpListener::bind(("127.0.0.1", *port + 10_000)).is_ok()
    });
    Ok(free.take(count).collect())
}

fn await_port(address: &str) -> Result<String, Failure> {
    let start = Instant::now();
    while TcpStream::connect(address).is_err() {
        if start.elapsed() > START_LIMIT {
            return Err(format!("{address} does not answer").into());
        }
        thread::sleep(Duration::from_millis(100));
    }
    // Its filer and volumes come up after the port.
    thread::sleep(Duration::from_secs(8));
    Ok(format!("http://{address}"))
}

/// Reads `S3 http://...` or `Ready http://...` from what our servers print, up to the line that says ready.
fn await_banner(child: &mut Child) -> Result<String, Failure> {
    let out = child.stdout.take().ok_or("no output")?;
    let mut lines = BufReader::new(out).lines();
    let mut endpoint = String::new();
    for line in lines.by_ref() {
        let line = line?;
        let mut words = line.split_whitespace();
        let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if value.starts_with("http://") && (name == "S3" || name == "Ready") {
            endpoint = value.to_owned();
        }
        if name == "Ready" {
            thread::spawn(move || lines.for_each(drop));
            return Ok(endpoint);
        }
    }
    Err("the server ended before it was ready".into())
}
