use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fixture, commit, load_one,
    samples::{BUCKET, bucket_name, put_bucket, stored_part, upload},
};
use crate::{Change, PartNumber, Row, RowKey, Store, Upload, UploadId, UploadListing};

/// An upload and its parts come back as they were put; a part replaces the one of its number.
pub async fn uploads_round_trip(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let upload = Upload { checksum: None, ..upload("a/\0b", 7) };
    commit(&*store, vec![put_bucket(), Change::PutUpload(Box::new(upload.clone()))]).await;
    let key = RowKey::Upload(upload.id);
    let (row, version) = load_one(&*store, &key).await.expect("it was put");
    assert_eq!(row, Row::Upload(upload.clone()));
    commit(&*store, vec![Change::PutUpload(Box::new(upload.clone())), put_part(&upload, 2, 20)]).await;
    let (row, touched) = load_one(&*store, &key).await.expect("it was put");
    assert_eq!(row, Row::Upload(upload.clone()));
    assert_ne!(touched, version, "a touched upload has a new version");
    commit(&*store, vec![put_part(&upload, 10_000, 30), put_part(&upload, 1, 10), put_part(&upload, 2, 21)])
        .await;
    let parts = vec![stored_part(1, 10), stored_part(2, 21), stored_part(10_000, 30)];
    let found = load_one(&*store, &RowKey::Parts(upload.id)).await.map(|(row, _)| row);
    assert_eq!(found, Some(Row::Parts(parts.clone())));
    for part in parts {
        let found = load_one(&*store, &RowKey::Part(upload.id, part.number)).await.map(|(row, _)| row);
        assert_eq!(found, Some(Row::Part(part)));
    }
}

/// Parts are listed by number, after a number, up to a limit.
pub async fn parts_are_listed_by_number(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let (upload, neighbour) = (upload("k", 7), upload("k", 8));
    let mut changes = vec![put_bucket(), Change::PutUpload(Box::new(upload.clone()))];
    changes.push(Change::PutUpload(Box::new(neighbour.clone())));
    changes.extend([300, 1, 255, 256, 10_000].map(|number| put_part(&upload, number, 1)));
    changes.push(put_part(&neighbour, 2, 1));
    commit(&*store, changes).await;
    let check = async |id: &UploadId, after: Option<u16>, limit: usize, expected: &[u16], truncated: bool| {
        let after = after.and_then(PartNumber::new);
        let page = store.list_parts(id, after, limit).await.expect("a listing");
        let numbers: Vec<_> = page.parts.iter().map(|part| part.number.get()).collect();
        assert_eq!((&numbers[..], page.truncated), (expected, truncated), "after {after:?} limit {limit}");
    };
    check(&upload.id, None, 10, &[1, 255, 256, 300, 10_000], false).await;
    check(&upload.id, None, 5, &[1, 255, 256, 300, 10_000], false).await;
    check(&upload.id, None, 2, &[1, 255], true).await;
    check(&upload.id, Some(255), 2, &[256, 300], true).await;
    check(&upload.id, Some(256), 2, &[300, 10_000], false).await;
    check(&upload.id, Some(2), 1, &[255], true).await;
    check(&upload.id, Some(10_000), 2, &[], false).await;
    check(&upload.id, None, 0, &[], false).await;
    check(&neighbour.id, None, 10, &[2], false).await;
    check(&UploadId([1; 16]), None, 10, &[], false).await;
}

/// Deleting an upload deletes its parts, also those of the same commit, and no other's.
pub async fn parts_go_with_their_upload(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    let (upload, neighbour) = (upload("k", 7), upload("k", 8));
    let mut changes = vec![put_bucket()];
    for upload in [&upload, &neighbour] {
        changes.push(Change::PutUpload(Box::new(upload.clone())));
        changes.push(put_part(upload, 1, 1));
    }
    commit(&*store, changes).await;
    commit(&*store, vec![put_part(&upload, 2, 2), Change::DeleteUpload(upload.id)]).await;
    assert_eq!(load_one(&*store, &RowKey::Upload(upload.id)).await, None);
    let parts = load_one(&*store, &RowKey::Parts(upload.id)).await.map(|(row, _)| row);
    assert_eq!(parts, Some(Row::Parts(Vec::new())));
    assert_eq!(store.list_parts(&upload.id, None, 10).await.expect("a listing").parts, []);
    let left = load_one(&*store, &RowKey::Parts(neighbour.id)).await.map(|(row, _)| row);
    assert_eq!(left, Some(Row::Parts(vec![stored_part(1, 1)])));
    let (uploads, _, _) = texts(&*store, &listing("", None, None, 10)).await;
    assert_eq!(uploads, [("k".to_owned(), neighbour.id)]);
    commit(&*store, vec![Change::DeleteUpload(upload.id)]).await;
}

/// Random uploads of random keys: the page is what the definition says.
pub async fn upload_listings_agree_with_the_model(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let mut random = StdRng::seed_from_u64(3);
    let mut uploads: Vec<_> = (0..150)
        .map(|_| (format!("k{}", random_text(&mut random)), UploadId(random.random::<u128>().to_be_bytes())))
        .collect();
    let changes =
        uploads.iter().map(|(key, id)| Change::PutUpload(Box::new(Upload { id: *id, ..upload(key, 0) })));
    commit(&*store, changes.collect()).await;
    uploads.sort();
    for _ in 0..300 {
        let listing = random_listing(&mut random, &uploads);
        assert_eq!(texts(&*store, &listing).await, model(&uploads, &listing), "{listing:?}");
    }
}

type Texts = (Vec<(String, UploadId)>, Vec<String>, bool);

/// What a listing of uploads is, said plainly.
fn model(uploads: &[(String, UploadId)], listing: &UploadListing) -> Texts {
    let (mut shown, mut prefixes): (Vec<(String, UploadId)>, Vec<String>) = Default::default();
    let common_prefix = |text: &str| {
        let (delimiter, rest) = (listing.delimiter.as_deref()?, text.strip_prefix(&listing.prefix)?);
        let end = listing.prefix.len() + rest.find(delimiter)? + delimiter.len();
        Some(text[..end].to_owned())
    };
    for (key, id) in uploads.iter().filter(|(key, _)| key.starts_with(&listing.prefix)) {
        let prefix = common_prefix(key);
        let is_after = match (&listing.after, &prefix) {
            (None, _) => true,
            (Some((after, _)), Some(prefix)) => prefix > after,
            (Some((after, Some(after_id))), None) => (key, id) > (after, after_id),
            (Some((after, None)), None) => key > after,
        };
        if !is_after || prefix.as_ref().is_some_and(|prefix| prefixes.last() == Some(prefix)) {
            continue;
        }
        if shown.len() + prefixes.len() == listing.limit {
            return (shown, prefixes, listing.limit > 0);
        }
        match prefix {
            Some(prefix) => prefixes.push(prefix),
            None => shown.push((key.clone(), *id)),
        }
    }
    (shown, prefixes, false)
}

fn random_listing(random: &mut StdRng, uploads: &[(String, UploadId)]) -> UploadListing {
    let prefix = ["", "k", "k/", "ka", "k\0"].choose(random).copied().unwrap_or_default();
    let delimiter = ["/", "a", "/a", "\0"].choose(random).filter(|_| random.random_bool(0.5)).copied();
    let after = match random.random_range(0..4) {
        0 => None,
        1 => Some((format!("k{}", random_text(random)), None)),
        2 => uploads.choose(random).map(|(key, _)| (key.clone(), None)),
        _ => uploads.choose(random).map(|(key, id)| (key.clone(), Some(*id))),
    };
    let limit = *[0, 1, 3, 20, 1000].choose(random).unwrap_or(&1);
    listing(prefix, delimiter, after, limit)
}

fn random_text(random: &mut StdRng) -> String {
    let characters = ['a', '/', '\0', 'é'];
    let length = random.random_range(0..=4);
    (0..length).filter_map(|_| characters.choose(random)).collect()
}

fn listing(
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<(String, Option<UploadId>)>,
    limit: usize,
) -> UploadListing {
    UploadListing {
        bucket: bucket_name(BUCKET),
        prefix: prefix.to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after,
        limit,
    }
}

async fn texts(store: &dyn Store, listing: &UploadListing) -> Texts {
    let page = store.list_uploads(listing).await.expect("a listing");
    let uploads = page.uploads.into_iter().map(|upload| (String::from(upload.key), upload.id)).collect();
    (uploads, page.common_prefixes, page.truncated)
}

fn put_part(upload: &Upload, number: u16, needle: u64) -> Change {
    Change::PutPart(upload.id, stored_part(number, needle))
}
