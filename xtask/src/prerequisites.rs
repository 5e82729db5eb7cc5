//! Servers and clients that the tests drive: installed where that is possible, else named.

use std::{fs, path::Path, process::Command};

use crate::{
    Failure,
    run::{command, must, on_path, root},
};

/// Pinned Python clients and servers.
const REQUIREMENTS: &str = "compat-tests/clients/requirements.txt";

/// Where they are installed. The harness looks for programs here first.
const VENV: &str = "target/clients";

/// Installs what is missing, or says exactly what to install.
pub fn install() -> Result<(), Failure> {
    if !Path::new("/dev/fuse").exists() {
        return Err("/dev/fuse is not there, and the power-cut tests run on a file system of their own: modprobe fuse, \
                    or run the container with --device /dev/fuse --cap-add SYS_ADMIN"
            .into());
    }
    install_packages(&missing_packages())?;
    install_python_clients()
}

fn missing_packages() -> Vec<&'static str> {
    let mut missing = Vec::new();
    if !has_postgres_server() {
        missing.push("postgresql");
    }
    for program in ["curl", "rclone", "s3cmd"] {
        if !on_path(program) {
            missing.push(program);
        }
    }
    if !is_root() && !on_path("fusermount3") {
        missing.push("fuse3");
    }
    if !has_python_venv() {
        missing.extend(["python3", "python3-venv"]);
    }
    missing
}

fn has_postgres_server() -> bool {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    on_path("initdb") || debian.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}

fn has_python_venv() -> bool {
    let probe = Command::new("python3").args(["-c", "import venv, ensurepip"]).status();
    probe.is_ok_and(|status| status.success())
}

fn install_packages(missing: &[&str]) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !on_path("apt-get") || !is_root() {
        return Err(
            format!("the tests need these; install them and run again: apt-get install {packages}").into()
        );
    }
    println!("installing {packages}");
    must(command("apt-get", &["-qq", "update"]).env("DEBIAN_FRONTEND", "noninteractive"))?;
    let mut arguments = vec!["-qq", "-y", "--no-install-recommends", "install"];
    arguments.extend(missing);
    must(command("apt-get", &arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// A virtual environment that holds exactly the pinned requirements; made anew when they change.
fn install_python_clients() -> Result<(), Failure> {
    let wanted = fs::read_to_string(root().join(REQUIREMENTS))?;
    let venv = root().join(VENV);
    let installed = venv.join("requirements.txt");
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    println!("installing the Python clients into {VENV}");
    must(&mut command("python3", &["-m", "venv", "--clear", VENV]))?;
    let pip = venv.join("bin/pip");
    must(&mut command(&pip, &["install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]))?;
    write_marker(&installed, &wanted)
}

/// Written last: an installation that was cut short is made again.
fn write_marker(path: &Path, wanted: &str) -> Result<(), Failure> {
    Ok(fs::write(path, wanted)?)
}
