//! The yardstick of `cargo xtask bench`: a hyper server that does nothing. `bare-hyper ADDRESS BODY-BYTES` answers
//! every GET with so many bytes, and everything else with an empty 200 once its body was read.

use std::{convert::Infallible, env, error::Error};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(address), Some(size)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bare-hyper ADDRESS BODY-BYTES".into());
    };
    let body = Bytes::from(vec![7; size.parse()?]);
    let listener = TcpListener::bind(address).await?;
    println!("Ready http://{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let body = body.clone();
        let service = service_fn(move |request| answer(request, body.clone()));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(request: Request<Incoming>, body: Bytes) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        return Ok(Response::new(Full::new(body)));
    }
    let mut incoming = request.into_body();
    while let Some(Ok(_)) = incoming.frame().await {}
    Ok(Response::new(Full::default()))
}
