//! s3cmd: the oldest client, with both signature versions.

use std::fs;

use harness::{Options, Server, program};

fn s3cmd(server: &Server, arguments: &[&str]) -> String {
    let host = server.s3_address();
    program("s3cmd", server)
        .args(["--config=/dev/null", "--no-ssl", "--no-progress"])
        .args([format!("--host={host}"), format!("--host-bucket={host}")])
        .args([format!("--access_key={}", server.access_key), format!("--secret_key={}", server.secret_key)])
        .args(arguments)
        .run()
}

fn does_its_job(version: &[&str]) {
    let server = Server::start(Options::default());
    let run = |arguments: &[&str]| s3cmd(&server, &[version, arguments].concat());
    let (file, back) = (server.dir().join("in put"), server.dir().join("back"));
    harness::write_random_file(&file, 20 << 20, 3);
    let (file, back) = (file.display().to_string(), back.display().to_string());
    run(&["mb", "s3://bucket"]);
    run(&["put", "--multipart-chunk-size-mb=6", &file, "s3://bucket/dir/a b+c"]);
    assert!(run(&["ls", "s3://bucket/dir/"]).contains("s3://bucket/dir/a b+c"));
    run(&["get", "s3://bucket/dir/a b+c", &back]);
    assert_eq!(fs::read(&file).expect("read"), fs::read(&back).expect("read"));
    run(&["cp", "s3://bucket/dir/a b+c", "s3://bucket/copy"]);
    assert!(run(&["info", "s3://bucket/copy"]).contains("20971520"));
    run(&["mv", "s3://bucket/copy", "s3://bucket/moved"]);
    run(&["del", "--recursive", "--force", "s3://bucket"]);
    run(&["rb", "s3://bucket"]);
    assert_eq!(run(&["ls"]), "");
}

#[test]
fn does_its_job_with_v4() {
    does_its_job(&[]);
}

#[test]
fn does_its_job_with_v2() {
    does_its_job(&["--signature-v2"]);
}
