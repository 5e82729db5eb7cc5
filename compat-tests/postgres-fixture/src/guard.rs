use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// Waits for its input to end, then stops the server of directory `$1` and removes the directory. The check of
/// the working directory keeps a reused process id from being taken for the server.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
read -r _
for signal in QUIT KILL; do
    for process in /proc/[0-9]*; do
        [ "$(readlink "$process/cwd")" = "$1/data" ] && kill -s "$signal" "${process#/proc/}"
    done
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -e "$1/data/postmaster.pid" ] || break
        sleep 0.1
    done
done 2>/dev/null
rm -rf "$1"
"#;

/// Ends the server and removes the directory when this process ends in whatever way.
pub(crate) struct Watchdog {
    shell: Child,
}

impl Watchdog {
    /// Over `dir`, whose data directory is `dir/data`.
    pub(crate) fn over(dir: &Path) -> Self {
        let shell = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .arg(dir)
            .stdin(Stdio::piped()) // our end is closed on exec, so only this process holds it
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh starts");
        Self { shell }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Processes whose working directory is `data`: the server and its children, and nobody else's.
pub(crate) fn processes_in(data: &Path) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd: PathBuf| cwd == data))
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect()
}

/// `kill -9` of the server and every child of it. Returns when they are gone.
pub(crate) fn kill_all_in(data: &Path) {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let processes = processes_in(data);
        if processes.is_empty() {
            return;
        }
        for process in processes {
            let _ = kill_process(process, Signal::KILL); // it may have ended by itself
        }
        assert!(Instant::now() < deadline, "processes of {} survive kill -9", data.display());
        thread::sleep(Duration::from_millis(5));
    }
}
