//! The AWS SDK for Rust, with its defaults: checksums as trailers, signed payloads, its own retries.

use aws_sdk_s3::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    error::ProvideErrorMetadata,
    operation::create_multipart_upload::CreateMultipartUploadOutput,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, Delete, ObjectIdentifier},
};
use harness::{Metadata, Options, Server};

fn client(server: &Server) -> Client {
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(&server.access_key, &server.secret_key, None, None, "test"))
        .endpoint_url(server.endpoint())
        .force_path_style(true)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn noise(size: usize) -> Vec<u8> {
    (0..size).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap_or_default()).collect()
}

async fn does_its_job(metadata: Metadata) {
    let server = Server::start(Options { metadata, ..Options::default() });
    let s3 = client(&server);
    s3.create_bucket().bucket("bucket").send().await.expect("made");
    objects(&s3).await;
    multipart(&s3).await;
    listing_and_deleting(&s3).await;
    refusals(&s3).await;
}

async fn objects(s3: &Client) {
    for size in [0, 1, 4096, 3 << 20] {
        for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256] {
            let key = format!("plain/{size}-{}", algorithm.as_str());
            let put = s3.put_object().bucket("bucket").key(&key).checksum_algorithm(algorithm);
            put.metadata("colour", "green").body(ByteStream::from(noise(size))).send().await.expect("put");
            let got = s3.get_object().bucket("bucket").key(&key).send().await.expect("got");
            assert_eq!(got.metadata().and_then(|all| all.get("colour")).map(String::as_str), Some("green"));
            assert_eq!(got.body.collect().await.expect("whole").into_bytes(), noise(size), "{key}");
        }
    }
    let ranged = s3.get_object().bucket("bucket").key("plain/4096-CRC32").range("bytes=10-19").send().await;
    let ranged = ranged.expect("got").body.collect().await.expect("whole").into_bytes();
    assert_eq!(ranged, noise(4096)[10..20]);
}

async fn multipart(s3: &Client) {
    let (first, last) = (noise(5 << 20), noise(77));
    let CreateMultipartUploadOutput { upload_id, .. } =
        s3.create_multipart_upload().bucket("bucket").key("multi").send().await.expect("started");
    let id = upload_id.expect("an id");
    let mut parts = Vec::new();
    for (number, body) in [(1, first.clone()), (2, last.clone())] {
        let part = s3.upload_part().bucket("bucket").key("multi").upload_id(&id).part_number(number);
        let part = part.body(ByteStream::from(body)).send().await.expect("put");
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(part.e_tag)
            .set_checksum_crc32(part.checksum_crc32);
        parts.push(part.build());
    }
    let list = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = s3.complete_multipart_upload().bucket("bucket").key("multi").upload_id(&id);
    complete.multipart_upload(list).send().await.expect("completed");
    let got = s3.get_object().bucket("bucket").key("multi").send().await.expect("got");
    assert_eq!(got.body.collect().await.expect("whole").into_bytes(), [first, last].concat());
}

async fn listing_and_deleting(s3: &Client) {
    let mut pages = s3.list_objects_v2().bucket("bucket").max_keys(5).into_paginator().send();
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await {
        keys.extend(
            page.expect("a page").contents().iter().filter_map(|object| object.key().map(str::to_owned)),
        );
    }
    assert_eq!(keys.len(), 13);
    assert!(keys.is_sorted());
    let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build().expect("an object"));
    let delete = Delete::builder().set_objects(Some(objects.collect())).build().expect("a list");
    let deleted = s3.delete_objects().bucket("bucket").delete(delete).send().await.expect("deleted");
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (13, 0));
    s3.delete_bucket().bucket("bucket").send().await.expect("removed");
}

async fn refusals(s3: &Client) {
    let error = s3.get_object().bucket("bucket").key("k").send().await.expect_err("refused");
    assert_eq!(error.code(), Some("NoSuchBucket"));
    let error = s3.head_object().bucket("bucket").key("k").send().await.expect_err("refused");
    assert!(error.into_service_error().is_not_found());
}

#[tokio::test]
async fn does_its_job_embedded() {
    does_its_job(Metadata::Embedded).await;
}

#[tokio::test]
async fn does_its_job_postgres() {
    does_its_job(Metadata::Postgres).await;
}
