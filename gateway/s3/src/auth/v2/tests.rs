use http::{Request, request::Parts};

use super::*;
use crate::{
    auth::tests::signer::{ACCESS_KEY, SECRET_KEY, Signer, Unsigned},
    credentials::{RootCredentials, Secret},
};

/// 27 March 2007, 19:36:42 UTC: the day of AWS's examples.
const EXAMPLE: i64 = 1_175_024_202;

fn check(parts: &Parts, bucket: Option<&str>, now: i64) -> Result<Verified, Refusal> {
    let gate = Gate::new(
        std::sync::Arc::new(RootCredentials::new(ACCESS_KEY, Secret::new(SECRET_KEY))),
        "us-east-1",
    );
    let query = Query::parse(parts.uri.query())?;
    let signed =
        Signed { method: &parts.method, raw_path: parts.uri.path(), query: &query, headers: &parts.headers };
    gate.check(&signed, bucket, now)
}

fn parts(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut builder = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(()).expect("a request").into_parts().0
}

/// Source: S3 developer guide, "Signing and authenticating REST requests", its table of examples.
#[test]
fn awss_examples_are_accepted() {
    let authorization = |signature: &str| format!("AWS {ACCESS_KEY}:{signature}");
    for (method, target, headers, signature, now) in [
        (
            "GET",
            "/photos/puppy.jpg",
            &[("date", "Tue, 27 Mar 2007 19:36:42 +0000")][..],
            "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            0,
        ),
        (
            "PUT",
            "/photos/puppy.jpg",
            &[("content-type", "image/jpeg"), ("date", "Tue, 27 Mar 2007 21:15:45 +0000")],
            "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
            5943,
        ),
        (
            "GET",
            "/?prefix=photos&max-keys=50&marker=puppy",
            &[("date", "Tue, 27 Mar 2007 19:42:41 +0000")],
            "htDYFYduRNen8P9ZfE/s9SuKy0U=",
            0,
        ),
        ("GET", "/?acl", &[("date", "Tue, 27 Mar 2007 19:44:46 +0000")], "c2WLPFtWHVgbEmeEG93a4cG37dM=", 0),
    ] {
        let mut parts = parts(method, target, headers);
        parts.headers.insert("authorization", authorization(signature).parse().expect("a value"));
        check(&parts, Some("johnsmith"), EXAMPLE + now)
            .unwrap_or_else(|refusal| panic!("{target}: {refusal:?}"));
    }
}

#[test]
fn awss_presigned_example_holds_until_it_expires() {
    let target = "/photos/puppy.jpg?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D\
                  &Expires=1175139620";
    let parts = parts("GET", target, &[]);
    assert!(check(&parts, Some("johnsmith"), 1_175_139_620).expect("AWS's example").presigned);
    let refusal = check(&parts, Some("johnsmith"), 1_175_139_621).expect_err("expired");
    assert_eq!((refusal.code, &*refusal.message), ("AccessDenied", "Request has expired"));
    assert_eq!(
        check(&parts, Some("other"), EXAMPLE).expect_err("another bucket").code,
        "SignatureDoesNotMatch"
    );
}

fn signed(request: Unsigned, resource: &str) -> Parts {
    let request =
        Signer::at("20070327T193642Z").sign_v2(request, "Tue, 27 Mar 2007 19:36:42 +0000", resource);
    let headers: Vec<_> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    parts(&request.method, &request.target(), &headers)
}

fn code(parts: &Parts) -> &'static str {
    check(parts, None, EXAMPLE).expect_err("a refusal").code
}

#[test]
fn subresources_and_headers_are_signed() {
    let request = || Unsigned::new("GET", "/b/k", &[("x-amz-meta-a", "1")]);
    let full = request()
        .query("response-content-type", "text/plain; a=b")
        .query("versionId", "v 1")
        .query("prefix", "x");
    let resource = "/b/k?response-content-type=text/plain; a=b&versionId=v 1";
    check(&signed(full, resource), None, EXAMPLE).expect("a good request");
    assert_eq!(code(&signed(request().query("acl", ""), "/b/k")), "SignatureDoesNotMatch");
    assert_eq!(code(&signed(request().query("legal-hold", ""), "/b/k")), "SignatureDoesNotMatch");
    let mut added = signed(request(), "/b/k");
    added.headers.insert("x-amz-acl", "public-read".parse().expect("a value"));
    assert_eq!(code(&added), "SignatureDoesNotMatch");
}

#[test]
fn a_bucket_may_be_signed_with_a_slash() {
    for resource in ["/b", "/b/", "/b/?location", "/b?location"] {
        let request = Unsigned::new("GET", "/b", &[]);
        let request = if resource.ends_with("location") { request.query("location", "") } else { request };
        check(&signed(request, resource), None, EXAMPLE).expect(resource);
    }
    assert_eq!(code(&signed(Unsigned::new("GET", "/b/k", &[]), "/b/k/")), "SignatureDoesNotMatch");
}

#[test]
fn dates_are_checked() {
    let parts = signed(Unsigned::new("GET", "/b/k", &[]), "/b/k");
    assert_eq!(check(&parts, None, EXAMPLE + 901).expect_err("old").code, "RequestTimeTooSkewed");
    assert_eq!(check(&parts, None, EXAMPLE - 901).expect_err("early").code, "RequestTimeTooSkewed");
    for date in ["", "Bad Date", "Tue, 07 Jul 1950 21:53:04 GMT"] {
        let mut parts = parts.clone();
        parts.headers.insert("date", date.parse().expect("a value"));
        assert_eq!(code(&parts), "AccessDenied", "{date}");
    }
}

#[test]
fn x_amz_date_replaces_the_date() {
    let request = Unsigned::new("GET", "/b/k", &[("x-amz-date", "Tue, 27 Mar 2007 19:36:42 GMT")]);
    let signature = Signer::at("20070327T193642Z").signature_v2(&request, "", "/b/k");
    let headers = [
        ("x-amz-date", "Tue, 27 Mar 2007 19:36:42 GMT"),
        ("date", "Mon, 01 Jan 2001 00:00:00 GMT"),
        ("authorization", &format!("AWS {ACCESS_KEY}:{signature}")),
    ];
    check(&parts("GET", "/b/k", &headers), None, EXAMPLE).expect("a good request");
}

#[test]
fn presigned_parameters_are_checked() {
    for (query, message) in [
        ("AWSAccessKeyId=AK&Signature=x", "Query-string authentication requires"),
        ("AWSAccessKeyId=AK&Expires=1", "Query-string authentication requires"),
        ("AWSAccessKeyId=AK&Expires=1&Expires=2&Signature=x", "Query-string authentication requires"),
        ("AWSAccessKeyId=AK&Expires=soon&Signature=x", "Invalid date"),
        ("AWSAccessKeyId=AK&Expires=9999999999&Signature=x", "The AWS Access Key Id"),
    ] {
        let refusal = check(&parts("GET", &format!("/b/k?{query}"), &[]), None, EXAMPLE).expect_err(query);
        assert!(refusal.message.starts_with(message), "{query}: {refusal:?}");
        assert_eq!(refusal.status, 403);
    }
}

/// As botocore presigns with V2: headers become parameters, and are signed as headers.
#[test]
fn presigned_parameters_stand_for_headers() {
    let request = Unsigned::new("PUT", "/b/k", &[("x-amz-meta-a", "1"), ("content-type", "text/plain")]);
    let signature = Signer::at("20070327T193642Z").signature_v2(&request, "1175024300", "/b/k");
    let target = format!(
        "/b/k?AWSAccessKeyId={ACCESS_KEY}&Expires=1175024300&x-amz-meta-a=1&content-type=text%2Fplain&Signature={}",
        crate::auth::tests::signer::escape(&signature)
    );
    check(&parts("PUT", &target, &[]), None, EXAMPLE).expect("a good request");
}

#[test]
fn signed_chunks_need_v4() {
    let streaming = [("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")];
    assert_eq!(code(&signed(Unsigned::new("PUT", "/b/k", &streaming), "/b/k")), "InvalidRequest");
    let unsigned = [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")];
    check(&signed(Unsigned::new("PUT", "/b/k", &unsigned), "/b/k"), None, EXAMPLE).expect("a good request");
}
