//! A signer of its own, written from AWS's documents and sharing no code with the gate that it tests.

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

pub const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signs for one key, region and moment.
#[derive(Clone)]
pub struct Signer {
    pub access_key: String,
    pub secret_key: String,
    pub region: String,
    pub service: String,
    /// `20130524T000000Z`
    pub time: String,
}

/// A request to be signed: the path as canonical URI, the query decoded, headers with lower-case names.
#[derive(Clone, Debug)]
pub struct Unsigned {
    pub method: String,
    pub path: String,
    pub query: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Unsigned {
    pub fn new(method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        Self {
            method: method.into(),
            path: path.into(),
            query: Vec::new(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.into(), value.into()));
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Path and query as sent.
    pub fn target(&self) -> String {
        if self.query.is_empty() {
            self.path.clone()
        } else {
            format!("{}?{}", self.path, canonical_query(&self.query))
        }
    }

    fn value(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
}

impl Signer {
    pub fn at(time: &str) -> Self {
        Self {
            access_key: ACCESS_KEY.into(),
            secret_key: SECRET_KEY.into(),
            region: "us-east-1".into(),
            service: "s3".into(),
            time: time.into(),
        }
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", &self.time[..8], self.region, self.service)
    }

    fn key(&self) -> Vec<u8> {
        let day = hmac256(format!("AWS4{}", self.secret_key).as_bytes(), &self.time[..8]);
        let region = hmac256(&day, &self.region);
        hmac256(&hmac256(&region, &self.service), "aws4_request")
    }

    /// The signature over all headers of the request.
    pub fn signature(&self, request: &Unsigned, payload: &str) -> (String, String) {
        let mut headers = request.headers.clone();
        headers.sort();
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{}\n", value.trim())).collect();
        let query = canonical_query(&request.query);
        let canonical = format!("{}\n{}\n{query}\n{lines}\n{names}\n{payload}", request.method, request.path);
        let string =
            format!("AWS4-HMAC-SHA256\n{}\n{}\n{}", self.time, self.scope(), sha256(canonical.as_bytes()));
        (names, hex::encode(hmac256(&self.key(), &string)))
    }

    /// The request with its `Authorization`, and the signature for chunks.
    pub fn sign(&self, request: Unsigned, payload: &str) -> (Unsigned, String) {
        let (names, signature) = self.signature(&request, payload);
        let value = format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={names}, Signature={signature}",
            self.access_key,
            self.scope()
        );
        (request.header("authorization", &value), signature)
    }

    /// With `x-amz-date` and `x-amz-content-sha256` as well.
    pub fn sign_all(&self, request: Unsigned, payload: &str) -> (Unsigned, String) {
        self.sign(request.header("x-amz-date", &self.time).header("x-amz-content-sha256", payload), payload)
    }

    pub fn presign(&self, request: Unsigned, expires: &str) -> Unsigned {
        let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        let request = request
            .query("X-Amz-Algorithm", "AWS4-HMAC-SHA256")
            .query("X-Amz-Credential", &format!("{}/{}", self.access_key, self.scope()))
            .query("X-Amz-Date", &self.time)
            .query("X-Amz-Expires", expires)
            .query("X-Amz-SignedHeaders", &names.join(";"));
        let (_, signature) = self.signature(&request, "UNSIGNED-PAYLOAD");
        request.query("X-Amz-Signature", &signature)
    }

    pub fn chunk_signature(&self, previous: &str, data: &[u8]) -> String {
        let string = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{}\n{}\n{previous}\n{EMPTY_SHA256}\n{}",
            self.time,
            self.scope(),
            sha256(data)
        );
        hex::encode(hmac256(&self.key(), &string))
    }

    pub fn trailer_signature(&self, previous: &str, trailers: &str) -> String {
        let digest = sha256(trailers.as_bytes());
        let string =
            format!("AWS4-HMAC-SHA256-TRAILER\n{}\n{}\n{previous}\n{digest}", self.time, self.scope());
        hex::encode(hmac256(&self.key(), &string))
    }

    /// A signed aws-chunked body of these chunks, with a trailer where one is given.
    pub fn chunked(&self, seed: &str, chunks: &[&[u8]], trailer: Option<(&str, &str)>) -> Vec<u8> {
        let mut previous = seed.to_owned();
        let mut body = Vec::new();
        for chunk in chunks.iter().copied().chain([&b""[..]]) {
            previous = self.chunk_signature(&previous, chunk);
            body.extend_from_slice(format!("{:x};chunk-signature={previous}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            if !chunk.is_empty() {
                body.extend_from_slice(b"\r\n");
            }
        }
        if let Some((name, value)) = trailer {
            let signature = self.trailer_signature(&previous, &format!("{name}:{value}\n"));
            body.extend_from_slice(
                format!("{name}:{value}\r\nx-amz-trailer-signature:{signature}\r\n").as_bytes(),
            );
        }
        body.extend_from_slice(b"\r\n");
        body
    }

    /// The signature V2 of a request, `resource` with its sub-resources.
    pub fn signature_v2(&self, request: &Unsigned, date: &str, resource: &str) -> String {
        let mut amz: Vec<_> = request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")).collect();
        amz.sort();
        let amz: String = amz.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let string = format!(
            "{}\n{}\n{}\n{date}\n{amz}{resource}",
            request.method,
            request.value("content-md5"),
            request.value("content-type")
        );
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret_key.as_bytes()).expect("any key");
        mac.update(string.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    }

    pub fn sign_v2(&self, request: Unsigned, date: &str, resource: &str) -> Unsigned {
        let request = request.header("date", date);
        let signature = self.signature_v2(&request, date, resource);
        request.header("authorization", &format!("AWS {}:{signature}", self.access_key))
    }
}

pub fn sha256(data: &[u8]) -> String {
    hex::encode(Sha256::digest(data))
}

fn hmac256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<_> = query.iter().map(|(name, value)| (escape(name), escape(value))).collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

pub fn escape(text: &str) -> String {
    let keep = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
