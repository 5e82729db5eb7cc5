//! A door on a free port, and a client that sends the bytes it is told to.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use s3::{DoorSettings, RootCredentials, S3Door, Secret, serve};
use time::{OffsetDateTime, macros::format_description};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    recorder::{Recorder, Seen},
    signer::{ACCESS_KEY, SECRET_KEY, Unsigned},
};

pub struct Server {
    address: SocketAddr,
    recorder: Recorder,
    stop: CancellationToken,
    served: std::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut DoorSettings)) -> Self {
        let mut settings =
            DoorSettings::new(Arc::new(RootCredentials::new(ACCESS_KEY, Secret::new(SECRET_KEY))));
        change(&mut settings);
        let recorder = Recorder::default();
        let door = S3Door::over(recorder.clone(), types::Durability::Disk, settings);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve(listener, door, stop.clone()));
        Self { address, recorder, stop, served: std::sync::Mutex::new(Some(served)) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.recorder.seen.lock().unwrap().clone()
    }

    /// Pieces of large objects for which there is room.
    pub fn budget(&self) -> usize {
        self.recorder.budget.available_permits()
    }

    /// Tells the door to stop; the future ends when it has.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        self.stop.cancel();
        let served = self.served.lock().unwrap().take().unwrap();
        async move { served.await.unwrap() }
    }

    pub async fn connect(&self) -> Client {
        Client::connect(self.address).await.unwrap()
    }

    /// One request on a connection of its own.
    pub async fn send(&self, request: &Unsigned, body: &[u8]) -> Answer {
        self.connect().await.send(request, body).await
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn code(&self) -> String {
        let text = self.text();
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        code.map_or_else(String::new, |(code, _)| code.to_owned())
    }
}

pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    is_head: bool,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).await.ok()?;
        Some(Self { stream, buffer: Vec::new(), is_head: false })
    }

    /// A client whose kernel takes little that it does not read.
    pub async fn connect_narrow(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let stream = socket.connect(address).await.unwrap();
        Self { stream, buffer: Vec::new(), is_head: false }
    }

    /// At most `bytes` of what has come, or comes; 0 at the end.
    pub async fn read_some(&mut self, bytes: usize) -> std::io::Result<usize> {
        self.stream.read(&mut vec![0; bytes]).await
    }

    /// Writes while it reads: a server may answer before it has all.
    pub async fn send(&mut self, request: &Unsigned, body: &[u8]) -> Answer {
        self.is_head = request.method == "HEAD";
        let bytes = [&request_bytes(request)[..], body].concat();
        let Self { stream, buffer, is_head } = self;
        let (mut reader, mut writer) = stream.split();
        let write = async { drop(writer.write_all(&bytes).await) };
        let read = read_answer(&mut reader, buffer, *is_head);
        tokio::pin!(write, read);
        tokio::select! {
            biased;
            answer = &mut read => answer,
            () = &mut write => read.await,
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    pub async fn read(&mut self) -> Answer {
        let Self { stream, buffer, is_head } = self;
        read_answer(stream, buffer, *is_head).await
    }

    pub async fn has_answer_within(&mut self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.stream.readable()).await.is_ok()
    }

    pub async fn is_closed_within(&mut self, patience: Duration) -> bool {
        let mut rest = Vec::new();
        tokio::time::timeout(patience, self.stream.read_to_end(&mut rest)).await.is_ok()
    }
}

async fn read_answer(
    stream: &mut (impl AsyncReadExt + Unpin),
    buffer: &mut Vec<u8>,
    is_head: bool,
) -> Answer {
    let head_end = loop {
        if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        fill(stream, buffer).await;
    };
    let head = String::from_utf8(buffer.drain(..head_end).collect()).unwrap();
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: Vec::new() };
    let length = if is_head || status == 100 {
        0
    } else {
        answer.header("content-length").map_or(0, |text| text.parse().unwrap())
    };
    while buffer.len() < length {
        fill(stream, buffer).await;
    }
    answer.body = buffer.drain(..length).collect();
    answer
}

async fn fill(stream: &mut (impl AsyncReadExt + Unpin), buffer: &mut Vec<u8>) {
    let read = tokio::time::timeout(Duration::from_secs(20), stream.read_buf(buffer))
        .await
        .expect("an answer in time");
    assert!(
        read.unwrap() > 0,
        "the connection closed within an answer: {:?}",
        String::from_utf8_lossy(buffer)
    );
}

pub fn request_bytes(request: &Unsigned) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", request.method, request.target());
    for (name, value) in &request.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    text.into_bytes()
}

/// Seconds since 1970.
pub fn unix_now() -> u64 {
    types::Timestamp::now().as_secs()
}

/// Now, as it is signed.
pub fn now() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::now_utc().format(&format).unwrap()
}
