use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

const MISSING: &str = "this test needs a PostgreSQL server, which is not installed here. \
     Debian and Ubuntu: apt-get install -y postgresql; Fedora: dnf install postgresql-server; macOS: brew install \
     postgresql. Or point HOLDFAST_POSTGRES_BIN to the directory that holds `initdb` and `postgres`.";

/// The directory of the server's programs, of the newest version that is installed; panics where there is none.
pub(crate) fn directory() -> PathBuf {
    candidates().into_iter().find(|dir| is_server(dir)).unwrap_or_else(|| panic!("{MISSING}"))
}

fn candidates() -> Vec<PathBuf> {
    if let Some(dir) = std::env::var_os("HOLDFAST_POSTGRES_BIN") {
        return vec![dir.into()];
    }
    let mut found = debian_versions();
    found.extend(
        ["/usr/pgsql/bin", "/usr/local/pgsql/bin", "/opt/homebrew/opt/postgresql/bin"].map(PathBuf::from),
    );
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    found.extend(std::env::split_paths(&path));
    found
}

/// `/usr/lib/postgresql/<version>/bin`, the highest version first. Debian keeps them out of `PATH`.
fn debian_versions() -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir("/usr/lib/postgresql") else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    versions.into_iter().map(|(_, dir)| dir).collect()
}

/// A client-only installation has `psql` and no `initdb`.
fn is_server(dir: &Path) -> bool {
    ["initdb", "postgres", "psql"].iter().all(|program| dir.join(program).is_file())
}
