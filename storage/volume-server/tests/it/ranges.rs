use crate::support::{Fixture, Reply};

const PATH: &str = "/3,01637037d6";

async fn with(content: &'static str) -> Fixture {
    let fixture = Fixture::start().await;
    let headers = [("content-type", "image/x-digits")];
    fixture.send(http::Method::PUT, PATH, &headers, content).await.assert_status(201);
    fixture
}

#[tokio::test]
async fn one_range() {
    let fixture = with("0123456789").await;
    let check = async |range: &str, body: &str, content_range: &str| {
        let part = fixture.get_with(PATH, &[("range", range)]).await;
        assert_eq!((part.status.as_u16(), &*part.body), (206, body.as_bytes()), "{range}");
        assert_eq!(part.header("content-range"), Some(content_range), "{range}");
        assert_eq!(part.header("content-length"), Some(&*body.len().to_string()), "{range}");
        assert_eq!(part.header("accept-ranges"), Some("bytes"));
    };
    check("bytes=0-0", "0", "bytes 0-0/10").await;
    check("bytes=2-4", "234", "bytes 2-4/10").await;
    check("bytes=7-", "789", "bytes 7-9/10").await;
    check("bytes=-2", "89", "bytes 8-9/10").await;
    check("bytes=8-100", "89", "bytes 8-9/10").await;
    check("bytes=20-,1-2", "12", "bytes 1-2/10").await;
}

#[tokio::test]
async fn no_range() {
    let fixture = with("0123456789").await;
    for range in ["bytes=x", "lines=1-2", "bytes=4-2"] {
        let whole = fixture.get_with(PATH, &[("range", range)]).await;
        assert_eq!((whole.status.as_u16(), &*whole.body), (200, &b"0123456789"[..]), "{range}");
        assert_eq!(whole.header("content-range"), None);
    }
    let outside = fixture.get_with(PATH, &[("range", "bytes=10-")]).await;
    assert_eq!(outside.assert_status(416).header("content-range"), Some("bytes */10"));
    assert!(outside.body.is_empty());
}

#[tokio::test]
async fn several_ranges() {
    let fixture = with("0123456789").await;
    let reply = fixture.get_with(PATH, &[("range", "bytes=0-1, 4-5,-1")]).await;
    reply.assert_status(206);
    assert_eq!(reply.header("content-length"), Some(&*reply.body.len().to_string()));
    assert_eq!(
        parts(&reply),
        [("bytes 0-1/10", "01"), ("bytes 4-5/10", "45"), ("bytes 9-9/10", "9")].map(|(range, data)| {
            (format!("Content-Type: image/x-digits\r\nContent-Range: {range}"), data.to_owned())
        })
    );
}

/// Headers and data of each part of a `multipart/byteranges` answer.
pub(crate) fn parts(reply: &Reply) -> Vec<(String, String)> {
    let content_type = reply.header("content-type").expect("a type");
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
    let text = std::str::from_utf8(&reply.body).expect("text");
    let text = text.strip_suffix(&format!("\r\n--{boundary}--\r\n")).expect("a closing boundary");
    let delimiter = format!("\r\n--{boundary}\r\n");
    let parts = text.split(&delimiter).skip(1);
    let split = |part: &str| {
        let (headers, data) = part.split_once("\r\n\r\n").expect("headers");
        (headers.to_owned(), data.to_owned())
    };
    parts.map(split).collect()
}

#[tokio::test]
async fn if_range() {
    let fixture = Fixture::start().await;
    let put = fixture.put(&format!("{PATH}?ts=784111777"), "0123456789").await;
    let check = async |condition: &str, status: u16| {
        let reply = fixture.get_with(PATH, &[("range", "bytes=0-1"), ("if-range", condition)]).await;
        assert_eq!(reply.status.as_u16(), status, "{condition}");
    };
    check(put.header("etag").expect("an etag"), 206).await;
    check("\"00000000\"", 200).await;
    check(&format!("W/{}", put.header("etag").expect("an etag")), 200).await;
    check("Sun, 06 Nov 1994 08:49:37 GMT", 206).await;
    check("Sun, 06 Nov 1994 08:49:38 GMT", 200).await;
}

#[tokio::test]
async fn empty_needles() {
    let fixture = with("").await;
    fixture.get_with(PATH, &[("range", "bytes=0-")]).await.assert_status(416);
    fixture.get_with(PATH, &[("range", "bytes=-5")]).await.assert_status(200);
}
