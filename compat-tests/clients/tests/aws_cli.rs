//! `aws s3` and `aws s3api`, as people type them.

use std::{
    cmp::Reverse,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use harness::{Metadata, Options, Server, program};

fn aws(server: &Server, arguments: &[&str]) -> String {
    program("aws", server).args(arguments).run()
}

#[test]
fn copies_in_lists_and_copies_out() {
    let server = Server::start(Options::default());
    let file = server.dir().join("cat.jpg");
    fs::write(&file, b"meow").expect("written");
    aws(&server, &["s3", "mb", "s3://photos"]);
    aws(&server, &["s3", "cp", &file.display().to_string(), "s3://photos/2026/cat.jpg"]);
    let listed = aws(&server, &["s3", "ls", "--recursive", "s3://photos"]);
    assert!(listed.contains("         4 2026/cat.jpg"), "{listed}");
    assert_eq!(aws(&server, &["s3", "cp", "s3://photos/2026/cat.jpg", "-"]), "meow");
    aws(&server, &["s3", "mv", "s3://photos/2026/cat.jpg", "s3://photos/cat.jpg"]);
    let listed = aws(&server, &["s3", "ls", "s3://photos/"]);
    assert!(listed.contains("cat.jpg") && !listed.contains("PRE 2026/"), "{listed}");
    aws(&server, &["s3", "rm", "--recursive", "s3://photos"]);
    aws(&server, &["s3", "rb", "s3://photos"]);
    assert_eq!(aws(&server, &["s3", "ls"]), "");
}

#[test]
fn a_presigned_url_works_without_keys_and_ends() {
    let server = Server::start(Options::default());
    aws(&server, &["s3", "mb", "s3://photos"]);
    let file = server.dir().join("cat.jpg");
    fs::write(&file, b"meow").expect("written");
    aws(&server, &["s3", "cp", &file.display().to_string(), "s3://photos/cat.jpg"]);
    let url = aws(&server, &["s3", "presign", "s3://photos/cat.jpg", "--expires-in", "60"]);
    let body = Command::new("curl").args(["-sS", url.trim()]).output().expect("curl runs");
    assert_eq!(body.stdout, b"meow");
    let changed = url.trim().replace("cat.jpg", "dog.jpg");
    let refused = Command::new("curl").args(["-sS", &changed]).output().expect("curl runs");
    assert!(String::from_utf8_lossy(&refused.stdout).contains("<Code>SignatureDoesNotMatch</Code>"));
}

/// Real trees that are there wherever the tests were built: the clients' programs, one of them large, and the
/// sources of our dependencies.
fn real_trees() -> Vec<PathBuf> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.unwrap_or_else(|| Path::new(&std::env::var_os("HOME").expect("a home")).join(".cargo"));
    let registries = fs::read_dir(home.join("registry/src")).expect("cargo's registry sources").flatten();
    let crates = registries.flat_map(|registry| fs::read_dir(registry.path()).expect("readable").flatten());
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/clients/bin");
    let mut trees: Vec<_> = crates.map(|entry| entry.path()).collect();
    // Large ones first: no more files than it takes to have the bytes.
    trees.sort_by_cached_key(|tree| (Reverse(size_bytes(tree)), tree.clone()));
    trees.insert(0, clients);
    trees
}

fn size_bytes(tree: &Path) -> u64 {
    let entries = fs::read_dir(tree).expect("readable").flatten();
    entries
        .map(|entry| match entry.file_type().expect("a type") {
            kind if kind.is_dir() => size_bytes(&entry.path()),
            kind if kind.is_file() => entry.metadata().expect("readable").len(),
            _ => 0,
        })
        .sum()
}

/// Copies whole trees until there are enough files and bytes.
fn real_tree(into: &Path, least_files: u64, least_bytes: u64) -> (u64, u64) {
    let (mut files, mut bytes) = (0, 0);
    for path in real_trees() {
        let name = path.file_name().expect("a name");
        copy_tree(&path, &into.join(name), &mut files, &mut bytes);
        if files >= least_files && bytes >= least_bytes {
            break;
        }
    }
    (files, bytes)
}

/// Files and directories only: S3 knows no links, and no empty directories.
fn copy_tree(from: &Path, into: &Path, files: &mut u64, bytes: &mut u64) {
    for entry in fs::read_dir(from).expect("readable").flatten() {
        let kind = entry.file_type().expect("a type");
        let target = into.join(entry.file_name());
        if kind.is_dir() {
            copy_tree(&entry.path(), &target, files, bytes);
        } else if kind.is_file() {
            fs::create_dir_all(into).expect("made");
            *bytes += fs::copy(entry.path(), &target).expect("copied");
            *files += 1;
        }
    }
}

fn syncs_a_real_tree_in_and_out(metadata: Metadata, least_files: u64, least_bytes: u64) {
    let server = Server::start(Options { metadata, ..Options::default() });
    let (tree, back) = (server.dir().join("tree"), server.dir().join("back"));
    let (files, bytes) = real_tree(&tree, least_files, least_bytes);
    assert!(files >= least_files && bytes >= least_bytes, "{files} files, {bytes} bytes: too small a tree");
    aws(&server, &["s3", "mb", "s3://tree"]);
    aws(&server, &["s3", "sync", "--only-show-errors", &tree.display().to_string(), "s3://tree"]);
    let summary = aws(&server, &["s3", "ls", "--recursive", "--summarize", "s3://tree"]);
    assert!(summary.contains(&format!("Total Objects: {files}")), "{files} files went in");
    assert!(summary.contains(&format!("Total Size: {bytes}")), "{bytes} bytes went in");
    aws(&server, &["s3", "sync", "--only-show-errors", "s3://tree", &back.display().to_string()]);
    let difference = Command::new("diff").arg("-r").arg(&tree).arg(&back).output().expect("diff runs");
    assert!(difference.status.success(), "{}", String::from_utf8_lossy(&difference.stdout));
    println!("{files} files, {bytes} bytes");
}

#[test]
fn syncs_a_real_tree_in_and_out_embedded() {
    syncs_a_real_tree_in_and_out(Metadata::Embedded, 5_000, 300_000_000);
}

#[test]
fn syncs_a_real_tree_in_and_out_postgres() {
    syncs_a_real_tree_in_and_out(Metadata::Postgres, 300, 1_000_000);
}

#[test]
fn a_gibibyte_goes_in_and_out_by_multipart() {
    let server = Server::start(Options::default());
    let (file, back) = (server.dir().join("large"), server.dir().join("back"));
    harness::write_random_file(&file, 1 << 30, 7);
    aws(&server, &["s3", "mb", "s3://large"]);
    aws(&server, &["s3", "cp", "--only-show-errors", &file.display().to_string(), "s3://large/file"]);
    let head = aws(&server, &["s3api", "head-object", "--bucket", "large", "--key", "file"]);
    assert!(head.contains("-128"), "8 MiB parts: an ETag of 128 parts in {head}");
    aws(&server, &["s3", "cp", "--only-show-errors", "s3://large/file", &back.display().to_string()]);
    assert_eq!(harness::sha256_of_file(&file), harness::sha256_of_file(&back));
}
