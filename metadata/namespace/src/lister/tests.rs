use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Lister, Start, Step};

/// What a listing shows, as a store that follows the lister finds it, and how many keys it read.
fn walk(keys: &BTreeSet<String>, mut lister: Lister<'_>) -> (Vec<String>, bool, usize) {
    let mut from = lister.start().into_bytes();
    let (mut shown, mut read) = (Vec::new(), 0);
    loop {
        let Some(key) = keys.iter().find(|key| key.as_bytes() >= from.as_slice()) else {
            return (shown, false, read);
        };
        read += 1;
        match lister.next(key) {
            Step::Key => {
                shown.push(key.clone());
                from = Start::After(key).into_bytes();
            }
            Step::CommonPrefix(prefix) => {
                shown.push(prefix.to_owned());
                from = lister.past(prefix);
            }
            Step::End { truncated } => return (shown, truncated, read),
        }
    }
}

/// The definition: every key is an entry, or stands for its common prefix; in order; those after `after`.
fn model(
    keys: &BTreeSet<String>,
    prefix: &str,
    delimiter: Option<&str>,
    after: Option<&str>,
    limit: usize,
) -> (Vec<String>, bool) {
    let mut entries = BTreeSet::new();
    for key in keys.iter().filter(|key| key.starts_with(prefix)) {
        let at = delimiter
            .filter(|text| !text.is_empty())
            .and_then(|text| Some(key[prefix.len()..].find(text)? + text.len()));
        entries.insert(at.map_or(key.as_str(), |at| &key[..prefix.len() + at]));
    }
    let entries: Vec<_> =
        entries.into_iter().filter(|entry| after.is_none_or(|after| *entry > after)).collect();
    let shown = entries.iter().take(limit).map(|entry| (*entry).to_owned()).collect();
    (shown, limit > 0 && entries.len() > limit)
}

fn text(longest: usize) -> impl Strategy<Value = String> {
    let character = prop::sample::select(vec!['a', 'b', '/', 'é', '\0', '\u{10ffff}', '\u{d7ff}']);
    prop::collection::vec(character, 0..=longest).prop_map(|characters| characters.into_iter().collect())
}

fn keys() -> impl Strategy<Value = BTreeSet<String>> {
    prop::collection::btree_set(text(6).prop_filter("keys are not empty", |key| !key.is_empty()), 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn shows_what_the_definition_says(
        keys in keys(), prefix in text(2), delimiter in prop::option::of(text(2)),
        after in prop::option::of(text(5)), limit in 0_usize..8,
    ) {
        let (delimiter, after) = (delimiter.as_deref(), after.as_deref());
        let lister = Lister::new(&prefix, delimiter, after, limit);
        let (shown, truncated, read) = walk(&keys, lister);
        prop_assert_eq!((shown, truncated), model(&keys, &prefix, delimiter, after, limit));
        // The cost of a page is what it shows, whatever it skips.
        prop_assert!(read <= limit + 1, "{} keys read for {} entries", read, limit);
    }
}
