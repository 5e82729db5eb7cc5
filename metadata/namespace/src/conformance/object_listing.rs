use std::collections::BTreeSet;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::{
    Fixture, commit,
    samples::{BUCKET, bucket_name, delete, object, put, put_bucket},
};
use crate::{Listing, Store};

/// Keys that stores have got wrong: bytes that sort or print unlike others, neighbours around a slash, the
/// longest.
fn hard_keys() -> Vec<String> {
    let mut keys: Vec<String> = [
        "a",
        "a/",
        "a/b",
        "a//",
        "a//b",
        "a0",
        "a.",
        "a-",
        "a b",
        "A",
        "Z",
        "_",
        "/",
        "//",
        "/a",
        "a/b/c",
        "a/b0",
        "\0",
        "a\0",
        "a\0b",
        "a\n",
        "\n",
        "\r\n",
        "\t",
        "%",
        "a%2Fb",
        "'",
        "\"",
        "\\",
        "a\\b",
        "..",
        "../a",
        ".",
        "ä",
        "a\u{308}",
        "ß",
        "日本",
        "日本/語",
        "\u{7f}",
        "\u{ff}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{ffff}",
        "\u{10000}",
        "\u{10ffff}",
        "\u{10ffff}/x",
    ]
    .map(str::to_owned)
    .to_vec();
    keys.push("x".repeat(1024));
    keys.push("é".repeat(512));
    keys
}

/// Every valid key is kept apart from every other, and listed by its bytes.
pub async fn hard_keys_are_listed_in_byte_order(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let mut keys = hard_keys();
    commit(&*store, keys.iter().map(|key| put(key, object(1))).collect()).await;
    keys.sort();
    assert_eq!(texts(&*store, &listing("", None, None, 1000)).await, (keys.clone(), false));
    for (index, key) in keys.iter().enumerate() {
        let rest = texts(&*store, &listing("", None, Some(key), 2)).await;
        let expected: Vec<_> = keys[index + 1..].iter().take(2).cloned().collect();
        assert_eq!(rest, (expected, index + 3 < keys.len()), "after {key:?}");
    }
}

/// Random keys, prefixes, delimiters, starts and limits: the page is what the definition says.
pub async fn listings_agree_with_the_model(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let mut random = StdRng::seed_from_u64(1);
    let mut keys: BTreeSet<String> = hard_keys().into_iter().collect();
    keys.extend((0..400).map(|_| random_text(&mut random, 8)).filter(|key| !key.is_empty()));
    commit(&*store, keys.iter().map(|key| put(key, object(1))).collect()).await;
    let gone: Vec<_> = keys.iter().filter(|_| random.random_bool(0.2)).cloned().collect();
    commit(&*store, gone.iter().map(|key| delete(key)).collect()).await;
    gone.iter().for_each(|key| {
        keys.remove(key);
    });
    for _ in 0..400 {
        let listing = random_listing(&mut random, &keys);
        assert_eq!(texts(&*store, &listing).await, model(&keys, &listing), "{listing:?}");
    }
}

/// Page after page, each starting after the last entry of the one before, gives all of a listing once.
pub async fn pages_cover_a_listing(fixture: &mut dyn Fixture) {
    let store = fixture.open().await;
    commit(&*store, vec![put_bucket()]).await;
    let mut random = StdRng::seed_from_u64(2);
    let keys: BTreeSet<String> = (0..300).map(|_| format!("k{}", random_text(&mut random, 6))).collect();
    commit(&*store, keys.iter().map(|key| put(key, object(1))).collect()).await;
    for (delimiter, limit) in [(None, 7), (Some("/"), 3), (Some("a"), 1), (Some("/a"), 5)] {
        let (whole, _) = model(&keys, &listing("", delimiter, None, 1000));
        let mut seen = Vec::new();
        loop {
            let (page, truncated) = texts(&*store, &listing("", delimiter, seen.last(), limit)).await;
            assert!(page.len() == limit || !truncated, "a page is short only at the end");
            seen.extend(page);
            if !truncated {
                break;
            }
        }
        assert_eq!(seen, whole, "delimiter {delimiter:?} limit {limit}");
    }
}

/// What a listing is, said plainly.
fn model(keys: &BTreeSet<String>, listing: &Listing) -> (Vec<String>, bool) {
    let delimiter = listing.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let entry = |key: &String| {
        let rest = key.strip_prefix(&listing.prefix)?;
        let end = delimiter.and_then(|delimiter| rest.find(delimiter).map(|at| at + delimiter.len()));
        Some(end.map_or_else(|| key.clone(), |end| key[..listing.prefix.len() + end].to_owned()))
    };
    // A set: an entry is shown once, and no key equals a common prefix, since it would be under it.
    let entries: BTreeSet<_> = keys.iter().filter_map(entry).collect();
    let after = |entry: &String| listing.after.as_ref().is_none_or(|after| entry > after);
    let mut entries: Vec<_> = entries.into_iter().filter(after).collect();
    let truncated = listing.limit > 0 && entries.len() > listing.limit;
    entries.truncate(listing.limit);
    (entries, truncated)
}

fn random_listing(random: &mut StdRng, keys: &BTreeSet<String>) -> Listing {
    let some_key = |random: &mut StdRng| {
        let index = random.random_range(0..keys.len());
        keys.iter().nth(index).cloned().unwrap_or_default()
    };
    let cut = |random: &mut StdRng, text: String| {
        let count = random.random_range(0..=text.chars().count());
        text.chars().take(count).collect::<String>()
    };
    let prefix = match random.random_range(0..3) {
        0 => String::new(),
        1 => random_text(random, 2),
        _ => {
            let key = some_key(random);
            cut(random, key)
        }
    };
    let delimiter =
        ["/", "", "a", "/a", "//", "é", "\0", "b/"].choose(random).filter(|_| random.random_bool(0.8));
    let after = match random.random_range(0..4) {
        0 => None,
        1 => Some(random_text(random, 6)),
        2 => Some(some_key(random)),
        _ => {
            let key = some_key(random);
            Some(cut(random, key))
        }
    };
    let limit = *[0, 1, 2, 5, 20, 1000].choose(random).unwrap_or(&1);
    listing(&prefix, delimiter.copied(), after.as_ref(), limit)
}

/// Of few characters, so that texts share prefixes.
fn random_text(random: &mut StdRng, longest: usize) -> String {
    let characters = ['a', 'b', '/', '/', 'é', '\0', '\n', '\u{10ffff}'];
    let length = random.random_range(0..=longest);
    (0..length).filter_map(|_| characters.choose(random)).collect()
}

fn listing(prefix: &str, delimiter: Option<&str>, after: Option<&String>, limit: usize) -> Listing {
    Listing {
        bucket: bucket_name(BUCKET),
        prefix: prefix.to_owned(),
        delimiter: delimiter.map(str::to_owned),
        after: after.cloned(),
        limit,
    }
}

async fn texts(store: &dyn Store, listing: &Listing) -> (Vec<String>, bool) {
    let page = store.list_objects(listing).await.expect("a listing");
    (page.entries.iter().map(|entry| entry.text().to_owned()).collect(), page.truncated)
}
