//! Bad input gets the right 4xx and leaves nothing behind; odd input comes back byte for byte; memory stays flat.

#![expect(clippy::disallowed_methods, reason = "the signer takes a SystemTime")]

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use harness::{Answer, Options, S3, Server};
use http::Method;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const HOUR: Duration = Duration::from_secs(3600);
const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

#[track_caller]
fn refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{}", answer.text());
    for element in ["Message", "Resource", "RequestId"] {
        assert!(!answer.element(element).is_empty(), "no {element} in {}", answer.text());
    }
    assert_eq!(answer.element("RequestId"), answer.header("x-amz-request-id"));
}

/// A server with one bucket, which must be empty and alive when the test is done with it.
struct Target {
    server: Server,
    s3: S3,
}

impl Target {
    async fn start() -> Self {
        let server = Server::start(Options::default());
        let s3 = S3::new(&server);
        s3.make_bucket("bucket").await;
        Self { server, s3 }
    }

    fn put(&self) -> harness::Request {
        self.s3.object(Method::PUT, "bucket", "key")
    }

    async fn is_untouched(&self) {
        let listed = self.s3.request(Method::GET, "/bucket?list-type=2").send().await;
        assert_eq!(
            (listed.status.as_u16(), listed.element("KeyCount").as_str()),
            (200, "0"),
            "{}",
            listed.text()
        );
        assert!(!self.server.log().contains("panicked"), "{}", self.server.log());
    }
}

#[tokio::test]
async fn signatures_and_dates() {
    let target = Target::start().await;
    let get = || target.s3.request(Method::GET, "/bucket?list-type=2");
    refused(&get().anonymous().send().await, 403, "AccessDenied");
    refused(&get().at(SystemTime::now() - HOUR).send().await, 403, "RequestTimeTooSkewed");
    refused(&get().at(SystemTime::now() + HOUR).send().await, 403, "RequestTimeTooSkewed");
    let wrong_key = S3::with_keys(target.server.s3_address(), "NOBODY", "x");
    refused(&wrong_key.request(Method::GET, "/").send().await, 403, "InvalidAccessKeyId");
    let wrong_secret = S3::with_keys(target.server.s3_address(), &target.server.access_key, "x");
    refused(&wrong_secret.request(Method::GET, "/").send().await, 403, "SignatureDoesNotMatch");
    refused(&target.put().unsigned_header("x-amz-meta-a", "b").send().await, 403, "AccessDenied");
    refused(&target.put().content_sha256("nonsense").send().await, 400, "InvalidArgument");
    let other = "0".repeat(64);
    refused(&target.put().body("x").content_sha256(&other).send().await, 400, "XAmzContentSHA256Mismatch");
    for header in [
        "",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=",
        "AWS4-HMAC-SHA256 Credential=a/b/c, SignedHeaders=host, Signature=0",
        "AWS4-HMAC-SHA256 Credential=AKIDTEST/20260101/mars/s3/aws4_request, SignedHeaders=host, Signature=00",
        "AWS AKIDTEST",
        "AWS :",
        "Basic dXNlcjpwYXNz",
        "Bearer token",
        "\u{fc}",
    ] {
        let answer = get().anonymous().unsigned_header("authorization", header).send().await;
        assert!((400..=403).contains(&answer.status.as_u16()), "{header}: {answer:?}");
        assert!(
            !answer.code().is_empty() && !answer.element("Message").is_empty(),
            "{header}: {}",
            answer.text()
        );
    }
    target.is_untouched().await;
}

#[tokio::test]
async fn presigned_urls() {
    let target = Target::start().await;
    let get =
        |expires| target.s3.object(Method::GET, "bucket", "key").presigned(Duration::from_secs(expires));
    refused(&get(60).send().await, 404, "NoSuchKey");
    refused(&get(60).at(SystemTime::now() - HOUR).send().await, 403, "AccessDenied");
    refused(&get(604_801).send().await, 403, "AuthorizationQueryParametersError");
    let query = |more: &str| target.s3.request(Method::GET, format!("/bucket/key?{more}")).anonymous();
    for more in [
        "X-Amz-Algorithm=AWS4-HMAC-SHA256",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=x&X-Amz-SignedHeaders=x&X-Amz-Signature=x",
        "X-Amz-Algorithm=ROT13&X-Amz-Credential=x&X-Amz-Date=x&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Signature=x",
        "AWSAccessKeyId=AKIDTEST&Expires=soon&Signature=x",
        "AWSAccessKeyId=AKIDTEST&Expires=1&Signature=x",
        "X-Amz-Signature=%zz",
    ] {
        let answer = query(more).send().await;
        assert!((400..=403).contains(&answer.status.as_u16()), "{more}: {answer:?}");
        assert!(!answer.code().is_empty(), "{more}: {}", answer.text());
    }
    target.is_untouched().await;
}

#[tokio::test]
async fn chunk_framing() {
    let target = Target::start().await;
    let put = |marker: &str, length: usize, body: &str| {
        let put = target.put().header("content-encoding", "aws-chunked");
        let put = put.header("x-amz-decoded-content-length", &length.to_string());
        let put = if marker == UNSIGNED_TRAILER {
            put.header("x-amz-trailer", "x-amz-checksum-crc32")
        } else {
            put
        };
        put.content_sha256(marker).body(body.to_owned())
    };
    let signature = "0".repeat(64);
    let cases = [
        (UNSIGNED_TRAILER, 5, "".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\r\nhello\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 4, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 6, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:not base64\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\r\nhello\r\n0\r\nx-other:1\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "5\nhello\n0\n\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "-5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, "ffffffffffffffffff\r\nhello\r\n0\r\n\r\n".to_owned()),
        (UNSIGNED_TRAILER, 5, format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(100_000))),
        (UNSIGNED_TRAILER, 5, format!("5\r\nhello\r\n0\r\n{}\r\n", "x-a:b\r\n".repeat(100_000))),
        (STREAMING, 5, "5\r\nhello\r\n0\r\n\r\n".to_owned()),
        (
            STREAMING,
            5,
            format!("5;chunk-signature={signature}\r\nhello\r\n0;chunk-signature={signature}\r\n\r\n"),
        ),
        (STREAMING, 5, "5;chunk-signature=short\r\nhello\r\n".to_owned()),
    ];
    for (marker, length, body) in cases {
        let answer = put(marker, length, &body).try_send().await;
        let answer = answer.unwrap_or_else(|error| panic!("{body:.60?}: {error}"));
        assert!((400..=403).contains(&answer.status.as_u16()), "{body:.60?}: {answer:?}");
        assert!(!answer.code().is_empty(), "{body:.60?}: {}", answer.text());
    }
    refused(&put("STREAMING-ROT13", 5, "x").send().await, 400, "InvalidArgument");
    let without_length = target.put().content_sha256(UNSIGNED_TRAILER).body("0\r\n\r\n").send().await;
    assert_eq!(without_length.status, 411, "{}", without_length.text());
    target.is_untouched().await;

    let good = put(UNSIGNED_TRAILER, 5, "2\r\nhe\r\n3\r\nllo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n")
        .send()
        .await;
    assert_eq!(good.status, 200, "{}", good.text());
    let stored = target.s3.get("bucket", "key").await;
    assert_eq!((stored.text().as_str(), stored.header("content-encoding")), ("hello", ""));
}

#[tokio::test]
async fn lengths_digests_and_checksums() {
    let target = Target::start().await;
    let put = || target.put().body("hello");
    refused(&put().header("content-md5", "XUFAKrxLKna5cZ2REBfFkQ==").send().await, 400, "BadDigest");
    refused(&put().header("content-md5", "short").send().await, 400, "InvalidDigest");
    refused(&put().header("x-amz-checksum-crc32", "AAAAAA==").send().await, 400, "BadDigest");
    refused(&put().header("x-amz-checksum-crc32", "AAAA").send().await, 400, "InvalidRequest");
    refused(&put().header("x-amz-checksum-md4", "AAAAAA==").send().await, 501, "NotImplemented");
    let two = put().header("x-amz-checksum-crc32", "NhCmhg==").header("x-amz-checksum-crc32c", "mnG7TA==");
    refused(&two.send().await, 400, "InvalidRequest");
    let big = "v".repeat(2049);
    refused(&put().header("x-amz-meta-big", &big).send().await, 400, "MetadataTooLarge");
    target.is_untouched().await;
    assert_eq!(put().header("x-amz-checksum-crc32", "NhCmhg==").send().await.status, 200);
    // A condition that no ETag can meet is not met; it is never left out.
    for condition in ["\"\"", "", ","] {
        refused(&put().header("if-match", condition).send().await, 412, "PreconditionFailed");
        let delete = target.s3.object(Method::DELETE, "bucket", "key").header("if-match", condition);
        refused(&delete.send().await, 412, "PreconditionFailed");
    }
    for range in ["bytes=5-", "bytes=99-100", "bytes=-0"] {
        let get = target.s3.object(Method::GET, "bucket", "key").header("range", range);
        refused(&get.send().await, 416, "InvalidRange");
    }
    for range in [
        "bytes",
        "bytes=",
        "bytes=a-b",
        "bytes=3-1",
        "lines=0-1",
        "bytes=0-0,2-2",
        "bytes=18446744073709551616-",
    ] {
        let get = target.s3.object(Method::GET, "bucket", "key").header("range", range).send().await;
        assert!([200, 206, 416].contains(&get.status.as_u16()), "{range}: {get:?}");
    }
}

#[tokio::test]
async fn a_body_that_ends_early_is_never_an_object() {
    let target = Target::start().await;
    let request = target.put().body(vec![7; 100_000]).signed();
    let mut head = format!("PUT {} HTTP/1.1\r\ncontent-length: 100000\r\n", request.uri().path());
    let _ = write!(head, "host: {}\r\n", target.server.s3_address());
    for (name, value) in request.headers() {
        let _ = write!(head, "{name}: {}\r\n", value.to_str().expect("text"));
    }
    head.push_str("\r\n");
    let mut stream = TcpStream::connect(target.server.s3_address()).await.expect("connects");
    stream.write_all(head.as_bytes()).await.expect("sent");
    stream.write_all(&[7; 50_000]).await.expect("sent");
    stream.shutdown().await.expect("half closed");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
    tokio::time::sleep(Duration::from_millis(200)).await;
    target.is_untouched().await;
}

#[tokio::test]
async fn xml() {
    let target = Target::start().await;
    let delete = |body: String| {
        target.s3.request(Method::POST, "/bucket?delete").header("content-md5", &md5(&body)).body(body)
    };
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE d [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><Delete><Object><Key>&c;</Key></Object></Delete>";
    let file = "<!DOCTYPE d [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Delete><Object><Key>&x;</Key></Object></Delete>";
    let deep = format!("{}{}", "<Delete>".repeat(50_000), "</Delete>".repeat(50_000));
    refused(&delete(String::new()).send().await, 400, "MissingRequestBodyError");
    for body in
        [bomb, file, "<", "<Delete>", "<Delete></Wrong>", "not xml", "<Other/>", &deep, "\0", "<Delete/>"]
    {
        let answer = delete(body.to_owned()).send().await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "MalformedXML"),
            "{body:.60}: {answer:?}"
        );
    }
    let many = |count: usize| {
        let objects: String = (0..count).map(|n| format!("<Object><Key>{n}</Key></Object>")).collect();
        format!("<Delete>{objects}</Delete>")
    };
    assert_eq!(delete(many(1000)).send().await.status, 200);
    refused(&delete(many(1001)).send().await, 400, "MalformedXML");
    // Refused before it is read: the client may see the connection close while it still sends.
    let huge = delete(format!("<Delete>{}</Delete>", " ".repeat(8 << 20))).try_send().await;
    assert!(huge.is_err() || huge.is_ok_and(|answer| answer.status.is_client_error()), "8 MiB of XML");

    let upload = target.s3.request(Method::POST, "/bucket/key?uploads").send().await.element("UploadId");
    let complete =
        |body: String| target.s3.request(Method::POST, format!("/bucket/key?uploadId={upload}")).body(body);
    let parts: String = (1..=10_001)
        .map(|n| format!("<Part><PartNumber>{n}</PartNumber><ETag>\"{}\"</ETag></Part>", "0".repeat(32)))
        .collect();
    let answer = complete(format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")).send().await;
    assert!(
        answer.status == 400 && ["MalformedXML", "InvalidArgument"].contains(&answer.code().as_str()),
        "{answer:?}"
    );
    refused(&complete("<CompleteMultipartUpload/>".to_owned()).send().await, 400, "MalformedXML");
    for number in ["0", "10001", "-1", "x", ""] {
        let put =
            target.s3.request(Method::PUT, format!("/bucket/key?partNumber={number}&uploadId={upload}"));
        refused(&put.body("x").send().await, 400, "InvalidArgument");
    }
    for id in ["x", "", "..%2F..", &"f".repeat(32)] {
        let put = target
            .s3
            .request(Method::PUT, format!("/bucket/key?partNumber=1&uploadId={id}"))
            .body("x")
            .send()
            .await;
        assert_eq!((put.status.as_u16(), put.code().as_str()), (404, "NoSuchUpload"), "{id}");
    }
    target.is_untouched().await;
}

fn md5(body: &str) -> String {
    harness::content_md5(body.as_bytes())
}

#[tokio::test]
async fn odd_keys_come_back_byte_for_byte() {
    let target = Target::start().await;
    let long_utf8 = "\u{1F980}".repeat(256);
    let keys = [
        "..",
        "../x",
        "a/../../etc/passwd",
        "/",
        "//",
        "///a",
        "a//b",
        "a",
        "a/",
        "a/b",
        ".",
        "./",
        "\0",
        "nul\0byte",
        "new\nline",
        "cr\rlf\n",
        "tab\t",
        "\u{7f}",
        "\u{1}",
        "%",
        "%2e%2e",
        "%00",
        "+",
        " ",
        " lead and trail ",
        "?",
        "#",
        "&",
        "=",
        ";",
        "\\",
        "\"'`",
        "<xml>&amp;</xml>",
        "\u{feff}bom",
        "\u{202e}rtl",
        "e\u{301} and \u{e9}",
        "\u{fffd}",
        "\u{10ffff}",
        &long_utf8,
    ];
    for (number, key) in keys.iter().enumerate() {
        let put = target.s3.put("bucket", key, format!("body {number}")).await;
        assert_eq!(put.status, 200, "{key:?}: {}", put.text());
    }
    for (number, key) in keys.iter().enumerate() {
        assert_eq!(target.s3.get("bucket", key).await.text(), format!("body {number}"), "{key:?}");
        assert_eq!(target.s3.object(Method::HEAD, "bucket", key).send().await.status, 200, "{key:?}");
    }
    let listed = target.s3.request(Method::GET, "/bucket?list-type=2&encoding-type=url").send().await.text();
    let mut listed: Vec<String> = listed
        .split("<Key>")
        .skip(1)
        .map(|rest| harness::url_decoded(&rest[..rest.find('<').unwrap_or(0)]))
        .collect();
    let mut expected: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    expected.sort();
    assert_eq!(listed, expected, "in byte order");
    for key in listed.drain(..) {
        assert_eq!(target.s3.delete("bucket", &key).await.status, 204, "{key:?}");
    }
    let too_long = target.s3.put("bucket", &"x".repeat(1025), "x").await;
    refused(&too_long, 400, "KeyTooLongError");
    for target_path in ["/bucket/%ff", "/bucket/%c3%28"] {
        let answer = target.s3.request(Method::PUT, target_path).body("x").send().await;
        assert!(answer.status == 400 && !answer.code().is_empty(), "{target_path}: {answer:?}");
    }
    target.is_untouched().await;
}

/// A well-formed request for an operation that is not built.
const SELECT: &str = "<SelectObjectContentRequest><Expression>select 1</Expression>\
    <ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization>\
    <OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>";

#[tokio::test]
async fn queries_and_routes() {
    let target = Target::start().await;
    let get = |query: &str| target.s3.request(Method::GET, format!("/bucket?{query}")).send();
    for query in ["list-type=2&max-keys=-1", "list-type=2&max-keys=x", "max-keys=99999999999999999999"] {
        refused(&get(query).await, 400, "InvalidArgument");
    }
    refused(&get("list-type=2&continuation-token=%00garbage").await, 400, "InvalidArgument");
    refused(&get("list-type=2&encoding-type=rot13").await, 400, "InvalidArgument");
    for query in ["replication", "inventory&id=x", "analytics&id=x"] {
        let answer = get(query).await;
        assert!([404, 501].contains(&answer.status.as_u16()), "{query}: {answer:?}");
    }
    let select =
        target.s3.request(Method::POST, "/bucket/key?select&select-type=2").body(SELECT).send().await;
    assert_eq!(select.status, 501, "{select:?}");
    assert!(
        select.element("Message").contains("SelectObjectContent"),
        "it names the operation: {}",
        select.text()
    );
    for method in [Method::PATCH, Method::TRACE, Method::CONNECT] {
        let answer = target.s3.request(method.clone(), "/bucket/key").try_send().await;
        assert!(
            answer.is_err()
                || answer.is_ok_and(|answer| answer.status.is_client_error() || answer.status == 501),
            "{method}"
        );
    }
    for name in ["UPPER", "a", "a..b", "192.168.0.1", "-ab", "a%00b"] {
        let answer = target.s3.request(Method::PUT, format!("/{name}")).send().await;
        assert!(answer.status == 400 && !answer.code().is_empty(), "{name}: {answer:?}");
    }
    target.is_untouched().await;
}

#[tokio::test]
async fn memory_stays_flat_under_rubbish() {
    let target = Target::start().await;
    let rubbish = |round: u32| {
        let target = &target;
        async move {
            let chunk = format!("fffffff\r\n{}", "x".repeat(1 << 20));
            let put = target
                .put()
                .content_sha256(UNSIGNED_TRAILER)
                .header("x-amz-decoded-content-length", "268435455");
            let _ = put.body(chunk).try_send().await;
            let deep = "<a>".repeat(300_000);
            let _ = target.s3.request(Method::POST, "/bucket?delete").body(deep).try_send().await;
            let query = format!("/bucket?prefix={}&round={round}", "%41".repeat(10_000));
            let _ = target.s3.request(Method::GET, query).try_send().await;
            let key = format!("/bucket/{}", "k".repeat(30_000));
            let _ = target.s3.request(Method::PUT, key).body("x").try_send().await;
        }
    };
    for round in 0..20 {
        rubbish(round).await;
    }
    let before = target.server.rss_bytes();
    for round in 0..100 {
        rubbish(round).await;
    }
    let grown = target.server.rss_bytes().saturating_sub(before);
    assert!(grown < 32 << 20, "{} MiB more after 100 rounds", grown >> 20);
    target.is_untouched().await;
}
