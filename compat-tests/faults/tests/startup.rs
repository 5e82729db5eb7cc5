//! Starting and stopping: ready soon, one clear line when it cannot start, nothing to recover after SIGTERM.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
    time::{Duration, Instant},
};

use harness::{Metadata, Options, S3, Server};

fn holdfast(arguments: &[&str]) -> Output {
    Command::new(harness::binary()).args(arguments).output().expect("runs")
}

/// It must end with code 1 and one line that says why.
#[track_caller]
fn refuses(arguments: &[&str], why: &str) {
    let output = holdfast(arguments);
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{line}");
    assert_eq!(line.trim_end().lines().count(), 1, "one line: {line}");
    assert!(line.starts_with("holdfast: ") && line.contains(why), "{line}");
}

#[test]
fn what_cannot_start_says_why_in_one_line() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let free = ["--s3=127.0.0.1:0", "--master=127.0.0.1:0", "--volume=127.0.0.1:0"];
    let started: Vec<&str> = ["server", "--data", &data].into_iter().chain(free).collect();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("an address").to_string();
    for flag in ["--s3", "--master", "--volume"] {
        let taken_flag = format!("{flag}={taken}");
        refuses(&[&started[..], &[&taken_flag]].concat(), &taken);
    }
    refuses(
        &[&started[..], &["--metadata=postgres://nobody:hidden@127.0.0.1:1/none"]].concat(),
        "127.0.0.1:1",
    );
    refuses(&[&started[..], &["--metadata=mysql://x"]].concat(), "metadata");
    refuses(&[&started[..], &["--durability=perhaps"]].concat(), "durability");
    refuses(&[&started[..], &["--s3=nowhere"]].concat(), "s3");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("written");
    refuses(
        &[&["server", "--data", &file.join("x").display().to_string()], &free[..]].concat(),
        "data directory",
    );
    refuses(&["server", "--config", &file.join("none").display().to_string()], "config file");
}

#[test]
fn an_unreachable_postgres_is_named_without_its_password() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data").display().to_string();
    let output =
        holdfast(&["server", "--data", &data, "--metadata=postgres://nobody:hidden@127.0.0.1:1/none"]);
    assert!(!String::from_utf8_lossy(&output.stderr).contains("hidden"));
}

#[test]
fn a_second_process_on_one_data_directory_is_refused() {
    let server = Server::start(Options::default());
    let data = server.dir().join("data").display().to_string();
    let ports = ["--s3=127.0.0.1:0", "--master=127.0.0.1:0", "--volume=127.0.0.1:0"];
    refuses(&[&["server", "--data", &data], &ports[..]].concat(), "in use by another holdfast process");
}

#[test]
fn credentials_are_made_once_and_private() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut keys = Vec::new();
    for _ in 0..2 {
        let server = harness::start_bare(&data);
        let file = data.join("credentials");
        assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o600);
        keys.push(fs::read_to_string(&file).expect("readable"));
        drop(server);
    }
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn ready_within_a_second_also_with_data() {
    let mut server = Server::start(Options::default());
    let s3 = S3::new(&server);
    s3.make_bucket("bucket").await;
    for key in 0..500 {
        assert_eq!(s3.put("bucket", &format!("{key}"), vec![7; 10_000]).await.status, 200);
    }
    for round in ["terminated", "killed"] {
        if round == "killed" {
            server.kill();
        } else {
            server.terminate();
        }
        let start = Instant::now();
        server.restart();
        let ready = start.elapsed();
        println!("ready {ready:?} after it was {round}");
        assert!(ready < Duration::from_secs(1), "{ready:?} after it was {round}");
        assert_eq!(S3::new(&server).get("bucket", "499").await.body, vec![7; 10_000]);
    }
}

#[tokio::test]
async fn sigterm_lets_requests_finish() {
    for metadata in [Metadata::Embedded, Metadata::Postgres] {
        let mut server = Server::start(Options { metadata, ..Options::default() });
        let s3 = S3::new(&server);
        s3.make_bucket("bucket").await;
        let slow = tokio::spawn({
            let s3 = s3.clone();
            async move { s3.put_noise("bucket", "slow", 200 << 20, 5).await }
        });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let server = tokio::task::spawn_blocking(move || {
            server.terminate();
            server.restart();
            server
        });
        assert_eq!(slow.await.expect("ran").status, 200);
        let server = server.await.expect("stopped with code 0");
        assert_eq!(S3::new(&server).get_noise("bucket", "slow", 5).await, 200 << 20);
    }
}

#[test]
fn config_names_every_value_and_where_it_came_from() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("holdfast.toml");
    fs::write(&file, "region = \"eu-west-1\"\n").expect("written");
    let output = Command::new(harness::binary())
        .args(["config", "--s3", "127.0.0.1:1234", "--config", &file.display().to_string()])
        .env("HOLDFAST_CHUNK_SIZE", "1MiB")
        .env("HOLDFAST_ROOT_SECRET_KEY", "never to be shown")
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(line("s3 =").contains("\"127.0.0.1:1234\"") && line("s3 =").contains("# flag"), "{text}");
    assert!(line("chunk-size =").contains("# HOLDFAST_CHUNK_SIZE"), "{text}");
    assert!(line("region =").contains("eu-west-1") && line("region =").contains("holdfast.toml"), "{text}");
    assert!(
        line("durability =").contains("\"disk\"") && line("durability =").contains("# default"),
        "{text}"
    );
    assert!(!text.contains("never to be shown"));
}

#[test]
fn version_and_help_answer() {
    let version = holdfast(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).starts_with("holdfast "));
    let help = String::from_utf8_lossy(&holdfast(&["server", "--help"]).stdout).into_owned();
    for word in [
        "--data",
        "--s3",
        "--metadata",
        "--durability",
        "HOLDFAST_ROOT_ACCESS_KEY",
        "[default: 127.0.0.1:9000]",
    ] {
        assert!(help.contains(word), "{word} in\n{help}");
    }
}
