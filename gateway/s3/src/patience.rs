//! A connection whose client must take what is written to it.

use std::{
    future::Future,
    io::{self, IoSlice, Write},
    net,
    os::fd::AsFd,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// Fails a write of which nothing could be written for `patience`: an answer that nobody reads would hold its buffers
/// for ever. The timer is made at the first write that must wait, and not touched by those that need not.
pub(crate) struct Patient {
    stream: TcpStream,
    patience: Duration,
    timer: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    is_spent: bool,
}

impl Patient {
    pub(crate) fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, timer: None, is_waiting: false, is_spent: false }
    }

    /// The connection, unless its client has used up the patience.
    pub(crate) fn into_live(self) -> Option<TcpStream> {
        if !self.is_spent {
            return Some(self.stream);
        }
        // Reset, so that the kernel does not keep what was not read either. Failing that, it is closed in its time.
        let _ = self.stream.set_zero_linger();
        None
    }

    /// `write` is the same write as `polled`, made without asking whether the stream is ready.
    fn bound(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
        write: impl FnOnce(&mut net::TcpStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if polled.is_ready() {
            self.is_waiting = false;
            return polled;
        }
        if !self.poll_expired(cx) {
            return Poll::Pending;
        }
        // The kernel calls a stream ready once a third of its buffer, which may be megabytes, is free. A slow client
        // that reads has freed less: only a write tells it from one that does not.
        self.is_waiting = false;
        match self.write_unasked(write) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.is_spent = true;
                Poll::Ready(Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    "the client does not read its answer",
                )))
            }
            written => Poll::Ready(written),
        }
    }

    fn write_unasked(
        &self,
        write: impl FnOnce(&mut net::TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        write(&mut net::TcpStream::from(self.stream.as_fd().try_clone_to_owned()?))
    }

    fn poll_expired(&mut self, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
        if !self.is_waiting {
            timer.as_mut().reset(Instant::now() + self.patience);
            self.is_waiting = true;
        }
        timer.as_mut().poll(cx).is_ready()
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.bound(cx, polled, |stream| stream.write(bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.bound(cx, polled, |stream| stream.write_vectored(slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Nothing is buffered here: what was written is the kernel's.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
