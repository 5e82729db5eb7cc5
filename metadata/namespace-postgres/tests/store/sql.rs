//! What people ask the tables: a change of the schema that breaks it is seen here.

use namespace::{
    Change, Checksum, ChecksumAlgorithm, ChecksumKind, Chunk, ETag, Object, Part, PartNumber, UploadId,
};
use postgres_fixture::Cluster;
use types::{Cookie, FileId, NeedleKey, Timestamp, VolumeId};

use crate::fixture::{bucket_name, commit, fresh_database, key, object, open, put, put_bucket};

fn needle(volume: u32, key: u64) -> FileId {
    FileId { volume: VolumeId(volume), key: NeedleKey(key), cookie: Cookie(0x6370_37d6) }
}

fn multipart() -> Object {
    let part = |number: u16, volume: u32| Part {
        number: PartNumber::new(number),
        size_bytes: 5 << 20,
        checksum: Vec::new(),
        chunks: vec![Chunk { needle: needle(volume, u64::MAX - u64::from(number)), size_bytes: 5 << 20 }],
    };
    Object {
        size_bytes: 10 << 20,
        etag: ETag { md5: [0x0c; 16], parts: Some(2) },
        checksum: Some(Checksum {
            algorithm: ChecksumAlgorithm::Crc32,
            kind: ChecksumKind::Composite { parts: 2 },
            value: vec![1, 2, 3, 4],
        }),
        metadata: vec![("author".to_owned(), "Ada".to_owned()), ("year".to_owned(), "1843".to_owned())],
        parts: vec![part(1, 7), part(2, 8)],
        upload: Some(UploadId([0x11; 16])),
        ..object(1)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn people_ask_the_tables() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let other = Change::PutObject(bucket_name("backup"), key("dump"), Box::new(object(7)));
    let rows = vec![
        put_bucket("photos"),
        put_bucket("backup"),
        put_bucket("void"),
        put("2026/ü.jpeg", object(1000)),
        put("2026/b.jpeg", object(2000)),
        put("film.mkv", multipart()),
        put("nul\0key", object(3)),
        other,
        Change::Free(Timestamp::from_millis(1_790_000_000_000), vec![needle(3, 1), needle(4, 2)]),
    ];
    commit(&store, rows).await.expect("a commit");
    let ask = |sql: &str| Cluster::shared().psql(&url, sql);

    // Usage.
    assert_eq!(
        ask("SELECT bucket, objects, bytes FROM holdfast.bucket_usage ORDER BY bucket"),
        "backup|1|7\nphotos|4|10488763\nvoid|0|0"
    );
    // The largest objects.
    assert_eq!(
        ask(
            "SELECT bucket, key, size, etag, content_type FROM holdfast.objects_readable ORDER BY size DESC LIMIT 2"
        ),
        "photos|film.mkv|10485760|0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c-2|image/jpeg\n\
         photos|2026/b.jpeg|2000|abababababababababababababababab|image/jpeg"
    );
    // By prefix, by the primary key; and one key.
    assert_eq!(
        ask("SELECT holdfast.key_text(key) FROM holdfast.objects \
             WHERE bucket = 'photos' AND key >= holdfast.key('2026/') AND key < holdfast.key('20260') ORDER BY key"),
        "2026/b.jpeg\n2026/ü.jpeg"
    );
    assert_eq!(
        ask(
            "SELECT size, modified FROM holdfast.objects WHERE bucket = 'photos' AND key = holdfast.key('2026/ü.jpeg')"
        ),
        "1000|2026-09-21 14:13:20.123+00"
    );
    // A key that text cannot hold does not spoil the answer.
    assert_eq!(ask("SELECT key FROM holdfast.objects_readable WHERE size = 3"), "nul\\000key");
    // By metadata, and with its checksum.
    assert_eq!(
        ask("SELECT key, metadata->>'year', checksum_algorithm, checksum, upload_id, chunks \
             FROM holdfast.objects_readable WHERE metadata->>'author' = 'Ada'"),
        "film.mkv|1843|CRC32|AQIDBA==-2|11111111111111111111111111111111|2"
    );
    // What is on a volume, as volume servers name it.
    assert_eq!(
        ask("SELECT holdfast.key_text(key), chunk, size, file_id FROM holdfast.object_chunks \
             WHERE bucket = 'photos' ORDER BY volume, needle"),
        format!(
            "nul\\000key|1|3|{}\n2026/ü.jpeg|1|1000|{}\n2026/b.jpeg|1|2000|{}\nfilm.mkv|1|5242880|{}\nfilm.mkv|2|5242880|{}",
            needle(3, 3),
            needle(3, 1000),
            needle(3, 2000),
            needle(7, u64::MAX - 1),
            needle(8, u64::MAX - 2),
        )
    );
    // What waits to be deleted, by volume.
    assert_eq!(
        ask(
            "SELECT volume, count(*) FROM holdfast.delete_intents, unnest(volumes) AS volume GROUP BY 1 ORDER BY 1"
        ),
        "3|1\n4|1"
    );
    // Every table says what it is.
    assert_eq!(
        ask("SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'holdfast'::regnamespace \
             AND c.relkind IN ('r', 'v') AND c.relname <> 'migrations' AND obj_description(c.oid) IS NULL"),
        ""
    );
}
