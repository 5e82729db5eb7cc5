//! rclone: sync, check, and a remote's own hashes.

use std::fs;

use harness::{Options, Server, program};

fn rclone(server: &Server, arguments: &[&str]) -> String {
    program("rclone", server)
        .env("RCLONE_CONFIG", server.dir().join("no-rclone-config"))
        .env("RCLONE_CONFIG_HF_TYPE", "s3")
        .env("RCLONE_CONFIG_HF_PROVIDER", "Other")
        .env("RCLONE_CONFIG_HF_ENV_AUTH", "true")
        .env("RCLONE_CONFIG_HF_ENDPOINT", server.endpoint())
        .args(arguments)
        .run()
}

#[test]
fn syncs_checks_and_purges() {
    let server = Server::start(Options::default());
    let tree = server.dir().join("tree");
    for (name, size) in [("a.txt", 3), ("dir/b.bin", 70_000), ("dir/deep/c d.bin", 12 << 20)] {
        let path = tree.join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        harness::write_random_file(&path, size, size);
    }
    let tree = tree.display().to_string();
    rclone(&server, &["mkdir", "hf:bucket"]);
    rclone(&server, &["sync", "--s3-upload-cutoff=6M", "--s3-chunk-size=5M", &tree, "hf:bucket/tree"]);
    rclone(&server, &["check", "--download", &tree, "hf:bucket/tree"]);
    rclone(&server, &["check", &tree, "hf:bucket/tree"]);
    let listed = rclone(&server, &["lsf", "-R", "--files-only", "hf:bucket"]);
    let mut listed: Vec<_> = listed.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, ["tree/a.txt", "tree/dir/b.bin", "tree/dir/deep/c d.bin"]);
    fs::remove_file(format!("{tree}/a.txt")).expect("removed");
    rclone(&server, &["sync", &tree, "hf:bucket/tree"]);
    assert!(!rclone(&server, &["lsf", "hf:bucket/tree"]).contains("a.txt"));
    rclone(&server, &["copyto", "hf:bucket/tree/dir/b.bin", "hf:bucket/copy.bin"]);
    assert!(rclone(&server, &["lsf", "hf:bucket"]).contains("copy.bin"));
    rclone(&server, &["purge", "hf:bucket"]);
    assert_eq!(rclone(&server, &["lsd", "hf:"]), "");
}
