use super::*;

const SPACE: Space = Space::Objects;

fn range(from: &str, to: &str) -> Range {
    Range { from: from.into(), to: to.into() }
}

/// Gaps that were learnt at commit 10.
fn gaps(known: &[(&str, &str)]) -> Gaps {
    let gaps = Gaps::default();
    for (from, to) in known {
        assert!(gaps.watch());
        gaps.learn(vec![(SPACE, range(from, to))], 10);
    }
    gaps
}

/// The ranges that are read from `a` to `z`, as text.
fn read(gaps: &Gaps, moment: u64) -> String {
    let mut ranges = Vec::new();
    let mut from = b"a".to_vec();
    while let Some(range) = gaps.next_range(SPACE, &from, b"z", moment) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\0', "+");
        ranges.push(format!("{}-{}", text(&range.from), text(&range.to)));
        from = range.to;
    }
    ranges.join(" ")
}

#[test]
fn scans_read_what_is_between() {
    #[track_caller]
    fn check(known: &[(&str, &str)], expected: &str) {
        assert_eq!(read(&gaps(known), 10), expected, "{known:?}");
    }
    check(&[], "a-z");
    check(&[("c", "f")], "a-c f-z");
    check(&[("Z", "c")], "c-z");
    check(&[("f", "zz")], "a-f");
    check(&[("A", "zz")], "");
    check(&[("c", "f"), ("h", "k")], "a-c f-h k-z");
    check(&[("h", "k"), ("c", "f")], "a-c f-h k-z");
    // Those that meet are one.
    check(&[("c", "f"), ("f", "k")], "a-c k-z");
    check(&[("f", "k"), ("c", "f")], "a-c k-z");
    check(&[("c", "h"), ("f", "k")], "a-c k-z");
    check(&[("f", "k"), ("c", "h")], "a-c k-z");
    check(&[("d", "e"), ("c", "k")], "a-c k-z");
    check(&[("c", "k"), ("d", "e")], "a-c k-z");
    // Empty ranges are none.
    check(&[("c", "c"), ("f", "c")], "a-z");
}

#[test]
fn readers_of_earlier_moments_read_everything() {
    assert_eq!(read(&gaps(&[("c", "f")]), 9), "a-z");
    assert_eq!(read(&gaps(&[("c", "f")]), 11), "a-c f-z");
}

#[test]
fn other_spaces_are_read_whole() {
    let gaps = gaps(&[("c", "f")]);
    assert_eq!(gaps.next_range(Space::UploadNames, b"a", b"z", 10), Some(range("a", "z")));
    gaps.touch([(Space::UploadNames, &b"d"[..])].into_iter());
    assert_eq!(read(&gaps, 10), "a-c f-z");
}

#[test]
fn a_key_that_is_put_is_read() {
    #[track_caller]
    fn check(keys: &[&str], expected: &str) {
        let gaps = gaps(&[("c", "f")]);
        gaps.touch(keys.iter().map(|key| (SPACE, key.as_bytes())));
        assert_eq!(read(&gaps, 10), expected, "{keys:?}");
    }
    check(&["b"], "a-c f-z");
    check(&["f"], "a-c f-z");
    check(&["d"], "a-c d-d+ f-z");
    check(&["c"], "a-c+ f-z");
    check(&["d", "d"], "a-c d-d+ f-z");
    check(&["d", "e"], "a-c d-d+ e-e+ f-z");
}

#[test]
fn many_puts_end_a_gap() {
    let gaps = gaps(&[("c", "f")]);
    for number in 0..=SPLITS {
        gaps.touch([(SPACE, format!("d{number:03}").as_bytes())].into_iter());
    }
    let last = format!("d{SPLITS:03}");
    let range = gaps.next_range(SPACE, last.as_bytes(), b"z", 10).expect("something is to be read");
    assert_eq!(range.to, b"z", "nothing is skipped after the last put");
}

#[test]
fn what_was_put_while_a_scan_ran_is_not_learnt() {
    let gaps = Gaps::default();
    assert!(gaps.watch());
    assert!(!gaps.watch(), "one at a time");
    gaps.touch([(SPACE, &b"d"[..])].into_iter());
    gaps.learn(vec![(SPACE, range("c", "f")), (SPACE, range("h", "k"))], 10);
    assert_eq!(read(&gaps, 10), "a-h k-z");
    assert!(gaps.watch(), "the watch has ended");
}

#[test]
fn gaps_are_bounded() {
    let gaps = Gaps::default();
    for number in 0..MAX_GAPS * 2 {
        assert!(gaps.watch());
        gaps.learn(vec![(SPACE, range(&format!("k{number:05}a"), &format!("k{number:05}b")))], 1);
    }
    assert_eq!(gaps.state.lock().known.len(), MAX_GAPS);
}
