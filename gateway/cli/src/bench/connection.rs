//! One kept-alive HTTP/1.1 connection: a request out, an answer in, nothing kept of its body.

use std::io;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const BUFFER_BYTES: usize = 256 << 10;
const MAX_HEADERS: usize = 64;

/// The status of an answer and the bytes of its body.
#[derive(Debug, Clone, Copy)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Bytes of its body.
    pub body_bytes: u64,
}

/// A connection with its one buffer.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    /// To `host:port`.
    pub async fn open(host: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(host).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; BUFFER_BYTES] })
    }

    /// Sends a request and reads its answer to the end. `bodiless`: the answer to a HEAD.
    pub async fn exchange(&mut self, head: &[u8], body: &[u8], bodiless: bool) -> io::Result<Answer> {
        if body.len() <= 16 << 10 {
            self.stream.write_all(&[head, body].concat()).await?;
        } else {
            self.stream.write_all(head).await?;
            self.stream.write_all(body).await?;
        }
        self.read_answer(bodiless).await
    }

    async fn read_answer(&mut self, bodiless: bool) -> io::Result<Answer> {
        let mut filled = 0;
        let (status, length, head_bytes) = loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            filled += read;
            if let Some(parsed) = parse_head(&self.buffer[..filled])? {
                break parsed;
            }
        };
        let length = if bodiless || status == 204 || status == 304 { Some(0) } else { length };
        let first = &self.buffer[head_bytes..filled];
        match length {
            Some(length) => {
                let left = length.saturating_sub(first.len() as u64);
                self.discard(left).await?;
                Ok(Answer { status, body_bytes: length })
            }
            None => {
                let body_bytes = self.read_chunked(head_bytes, filled).await?;
                Ok(Answer { status, body_bytes })
            }
        }
    }

    async fn discard(&mut self, mut left: u64) -> io::Result<()> {
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            match self.stream.read(&mut self.buffer[..most]).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => left -= read as u64,
            }
        }
        Ok(())
    }

    /// A chunked body, collected whole: only listings and errors of some servers come so.
    async fn read_chunked(&mut self, from: usize, filled: usize) -> io::Result<u64> {
        let mut body = self.buffer[from..filled].to_vec();
        while !body.ends_with(b"0\r\n\r\n") {
            match self.stream.read(&mut self.buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => body.extend_from_slice(&self.buffer[..read]),
            }
        }
        Ok(body.len() as u64)
    }
}

/// Status, `content-length` and the bytes of the head; `None` while it is not whole.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(u16, Option<u64>, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut answer = httparse::Response::new(&mut headers);
    let head_bytes = match answer.parse(bytes).map_err(io::Error::other)? {
        httparse::Status::Partial => return Ok(None),
        httparse::Status::Complete(bytes) => bytes,
    };
    let length = answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.trim().parse().ok());
    Ok(Some((answer.code.unwrap_or_default(), length, head_bytes)))
}
