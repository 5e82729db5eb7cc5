//! Connections: accepted while there is room, kept alive, ended without losing an answer.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
    time::Duration,
};

use http::{Request, Response};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::Body;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{door::S3Door, patience::Patient};

/// Heads larger than this are refused by hyper, before the door's own limits.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// After an answer to a request whose body was not read: how long its bytes are thrown away, so that the client
/// reads the answer before it meets a closed connection.
const LINGER: Duration = Duration::from_secs(5);

/// Serves `door` on `listener` until `stop`; then idle connections close, requests under way end within
/// [`crate::DoorSettings::drain_timeout`], and this returns when no connection is left.
pub async fn serve(listener: TcpListener, door: S3Door, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let room = Arc::new(Semaphore::new(door.settings().max_connections));
    loop {
        let next = async {
            let place = room.clone().acquire_owned().await;
            (accept(&listener).await, place)
        };
        let (stream, place) = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            next = next => next,
        };
        let (door, stop, cut) = (door.clone(), stop.clone(), cut.clone());
        connections.spawn(async move {
            serve_connection(stream, door, stop, cut).await;
            drop(place);
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(door.settings().drain_timeout, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "requests did not end in time, their connections are cut"
        );
        cut.cancel();
        connections.wait().await;
    }
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return stream,
            // The connection that failed is gone; without file descriptors, others must end first.
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, door: S3Door, stop: CancellationToken, cut: CancellationToken) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection was gone before its first request");
        return;
    }
    let idle_timeout = door.settings().idle_timeout;
    let must_linger = Arc::new(AtomicBool::new(false));
    let flag = must_linger.clone();
    let service = service_fn(move |request| respond(door.clone(), flag.clone(), request));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(idle_timeout)
        .max_header_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, idle_timeout)), service);
    let mut stopped = pin!(stop.cancelled());
    let mut is_cut = pin!(cut.cancelled());
    let mut is_stopping = false;
    let ended = poll_fn(|cx| {
        if !is_stopping && stopped.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if is_stopping && is_cut.as_mut().poll(cx).is_ready() {
            return Poll::Ready(None);
        }
        connection.poll_without_shutdown(cx).map(Some)
    })
    .await;
    match ended {
        None => return,
        Some(Err(error)) => tracing::debug!(%error, "a connection ended"),
        Some(Ok(())) => {}
    }
    let Some(stream) = connection.into_parts().io.into_inner().into_live() else { return };
    let closing = close(stream, must_linger.load(Ordering::Relaxed));
    tokio::select! {
        () = cut.cancelled() => {}
        closed = closing => if let Err(error) = closed {
            tracing::debug!(%error, "a connection was gone before it was closed");
        }
    }
}

type Responding = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

fn respond(door: S3Door, must_linger: Arc<AtomicBool>, request: Request<Incoming>) -> Responding {
    Box::pin(async move {
        let answered = door.answer(request).await;
        if answered.must_linger {
            must_linger.store(true, Ordering::Relaxed);
        }
        Ok(answered.response)
    })
}

/// A connection closed with bytes unread is reset, and the reset takes an unread answer with it.
async fn close(mut stream: TcpStream, linger: bool) -> io::Result<()> {
    stream.shutdown().await?;
    if linger {
        let mut waste = vec![0; 16 * 1024];
        let read = async { while stream.read(&mut waste).await.is_ok_and(|bytes| bytes > 0) {} };
        // Too long: the client had its time.
        let _ = tokio::time::timeout(LINGER, read).await;
    }
    Ok(())
}
