//! A way in and a way out: SeaweedFS serves a volume of ours, and we serve a directory of its.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use harness::{Answer, Options, S3, Server, program};
use http::Method;

/// SeaweedFS's own master and volume server over a directory of volumes; killed when dropped.
struct Weed {
    child: Child,
    volume_address: String,
}

impl Weed {
    fn start(server: &Server, dir: &Path) -> Self {
        let [master, volume] = free_ports();
        let child = program("weed", server)
            .args(["server", "-master.telemetry=false", "-ip=127.0.0.1", "-volume.max=100"])
            .args([format!("-dir={}", dir.display())])
            .args([format!("-master.port={master}"), format!("-volume.port={volume}")])
            .into_command()
            .stdout(Stdio::null())
            .stderr(fs::File::create(server.dir().join("weed.log")).expect("a log"))
            .spawn()
            .expect("weed starts: `cargo xtask setup` installs it");
        let volume_address = format!("127.0.0.1:{volume}");
        let start = Instant::now();
        while TcpStream::connect(&volume_address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "weed does not answer");
            thread::sleep(Duration::from_millis(100));
        }
        Self { child, volume_address }
    }
}

impl Drop for Weed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// SeaweedFS takes the port plus 10000 as well.
fn free_ports() -> [u16; 2] {
    let free = |port: &u16| {
        [*port, *port + 10_000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok())
    };
    let mut ports = (21_000..40_000).step_by(41).filter(free);
    [(); 2].map(|()| ports.next().expect("a free port"))
}

/// Stores through the master, as weed's own clients do; returns the file id.
async fn submit(server: &Server, name: &str, mime: &str, body: &[u8]) -> String {
    let boundary = "------------------------holdfast";
    let mut form = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: {mime}\r\n\r\n"
    )
    .into_bytes();
    form.extend_from_slice(body);
    form.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    let master = S3::with_keys(server.master_address(), "none", "none");
    let request = master.request(Method::POST, "/submit").anonymous().body(form);
    let request = request.header("content-type", &format!("multipart/form-data; boundary={boundary}"));
    let answer = request.send().await;
    assert_eq!(answer.status, 201, "{answer:?}");
    let fields: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    fields["fid"].as_str().expect("a fid").to_owned()
}

async fn get(address: &str, fid: &str) -> Answer {
    S3::with_keys(address, "none", "none").request(Method::GET, format!("/{fid}")).anonymous().send().await
}

#[tokio::test]
async fn seaweedfs_serves_a_volume_of_ours() {
    let mut server =
        Server::start(Options { flags: vec!["--offset-width=5".to_owned()], ..Options::default() });
    let text = "compressible text, again and again; ".repeat(200);
    let noise: Vec<u8> = (0..100_000_u32).map(|at| at.wrapping_mul(2_654_435_761).to_be_bytes()[1]).collect();
    let files: [(&str, &str, &[u8]); 5] = [
        ("hello.txt", "text/plain", b"hello"),
        ("text.txt", "text/plain", text.as_bytes()),
        ("noise.bin", "application/octet-stream", &noise),
        ("one.bin", "application/octet-stream", b"1"),
        ("empty.bin", "application/octet-stream", b""),
    ];
    let mut fids = Vec::new();
    for (name, mime, body) in files {
        fids.push(submit(&server, name, mime, body).await);
    }
    let gone = submit(&server, "gone.txt", "text/plain", b"gone").await;
    let volume = S3::with_keys(server.volume_address(), "none", "none");
    let deleted = volume.request(Method::DELETE, format!("/{gone}")).anonymous().send().await;
    assert_eq!(deleted.status, 202, "{deleted:?}");
    // An object of S3 lies in the same kind of volume.
    let s3 = S3::new(&server);
    s3.make_bucket("bucket").await;
    assert_eq!(s3.put("bucket", "key", noise.clone()).await.status, 200);

    server.terminate();
    let weed = Weed::start(&server, &server.dir().join("data/volumes"));
    for ((name, mime, body), fid) in files.into_iter().zip(&fids) {
        let answer = get_when_ready(&weed, fid).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, body), "{name} {fid}");
        if !body.is_empty() {
            assert_eq!(answer.header("content-type"), mime, "{name}");
            assert!(answer.header("content-disposition").contains(name), "{answer:?}");
        }
    }
    assert_eq!(get(&weed.volume_address, &gone).await.status, 404);
    let status = S3::with_keys(&weed.volume_address, "none", "none")
        .request(Method::GET, "/status")
        .anonymous()
        .send()
        .await;
    let status: serde_json::Value = serde_json::from_slice(&status.body).expect("JSON");
    let volumes = status["Volumes"].as_array().expect("volumes");
    assert!(
        volumes.iter().any(|volume| volume["Collection"] == "bucket" && volume["FileCount"] == 1),
        "{status}"
    );
}

/// It answers before it has loaded its volumes.
async fn get_when_ready(weed: &Weed, fid: &str) -> Answer {
    let start = Instant::now();
    loop {
        let answer = get(&weed.volume_address, fid).await;
        if answer.status == 200 || start.elapsed() > Duration::from_secs(15) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
