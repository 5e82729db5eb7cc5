//! What the fixture promises to the tests that use it.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use postgres_fixture::{Cluster, Options};

#[test]
fn databases_are_fresh_and_apart() {
    let cluster = Cluster::shared();
    let (one, other) = (cluster.fresh_database(), cluster.fresh_database());
    cluster.psql(&one, "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    assert_eq!(cluster.psql(&one, "SELECT n, 'x' FROM t"), "7|x");
    assert_eq!(cluster.psql(&other, "SELECT to_regclass('t') IS NULL"), "t");
    assert_eq!(cluster.psql(&one, "SHOW fsync"), "on");
}

#[test]
fn commits_survive_kill_and_restart() {
    let cluster = Cluster::start(Options::default());
    let database = cluster.fresh_database();
    let port = cluster.port();
    cluster.psql(&database, "CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
    cluster.kill();
    cluster.restart();
    cluster.psql(&database, "INSERT INTO t VALUES (2)");
    cluster.restart();
    assert_eq!(cluster.psql(&database, "SELECT count(*) FROM t"), "2");
    assert_eq!(cluster.port(), port);
}

#[test]
fn options_reach_the_server() {
    let settings = vec![("statement_timeout".to_owned(), "1234".to_owned())];
    let cluster = Cluster::start(Options { fsync: false, settings, ..Options::default() });
    assert_eq!(cluster.psql("postgres", "SHOW fsync"), "off");
    assert_eq!(cluster.psql("postgres", "SHOW statement_timeout"), "1234ms");
}

#[test]
fn a_dropped_cluster_leaves_nothing() {
    let cluster = Cluster::start(Options::default());
    let data = cluster.psql("postgres", "SHOW data_directory");
    assert!(Path::new(&data).exists());
    drop(cluster);
    assert_nothing_is_left(&data);
}

/// No destructor runs in a process that is killed.
#[test]
fn a_killed_process_leaves_nothing() {
    let mut process = Command::new(env!("CARGO_BIN_EXE_postgres-fixture"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let data = read_data_directory(&mut process);
    assert!(!processes_in(&data).is_empty());
    process.kill().expect("kill -9");
    process.wait().expect("it ended");
    assert_nothing_is_left(&data);
}

fn read_data_directory(process: &mut Child) -> String {
    let lines = BufReader::new(process.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let mut told = lines.filter_map(|line| Some(line.strip_prefix("data directory ")?.to_owned()));
    told.next().expect("it tells its directory")
}

#[track_caller]
fn assert_nothing_is_left(data: &str) {
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let dir = Path::new(data).parent().expect("a parent");
        let processes = processes_in(data);
        if !dir.exists() && processes.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "left behind: {processes:?}, directory: {}", dir.exists());
        thread::sleep(Duration::from_millis(50));
    }
}

fn processes_in(data: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let ours = processes.filter(|process| {
        std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(data))
    });
    ours.map(|process| process.file_name().to_string_lossy().into_owned()).collect()
}
