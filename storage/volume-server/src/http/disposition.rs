//! `Content-Disposition`: the file name in it, and one made of a file name. Source: RFC 6266, RFC 7578.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What RFC 8187 lets stand in an extended value.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A parameter of a header such as `form-data; name="file"; filename="a;b.txt"`.
pub(super) fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header.split_once(';')?.1;
    loop {
        let (key, after) = rest.split_once('=')?;
        // A parameter without a value ends at the next semicolon.
        let key = key.rsplit(';').next().unwrap_or(key).trim();
        let (value, after) = value(after);
        if key.eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after.split_once(';').map_or("", |(_, rest)| rest);
    }
}

/// A token or a quoted string at the beginning of `text`, and what follows it.
fn value(text: &str) -> (String, &str) {
    let text = text.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return (text[..end].trim_end().to_owned(), &text[end..]);
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '"' => return (value, &quoted[index + 1..]),
            // Only these are ever escaped; old browsers send Windows paths with bare backslashes.
            '\\' if quoted[index + 1..].starts_with(['"', '\\']) => {
                value.extend(characters.next().map(|(_, escaped)| escaped));
            }
            other => value.push(other),
        }
    }
    (value, "")
}

/// The file name in a header, without the directories that some clients put before it.
pub(super) fn file_name(header: &str) -> Option<String> {
    let extended = parameter(header, "filename*").and_then(|value| {
        let encoded = value.split_once('\'')?.1.split_once('\'')?.1.to_owned();
        Some(percent_decode_str(&encoded).decode_utf8().ok()?.into_owned())
    });
    let name = extended.or_else(|| parameter(header, "filename"))?;
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    (!base.is_empty()).then(|| base.to_owned())
}

/// Shows the body in place, and saves it under `name`.
pub(super) fn inline(name: &str) -> Option<HeaderValue> {
    let plain = name.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\');
    let text = match plain {
        true => format!("inline; filename=\"{name}\""),
        false => format!("inline; filename*=UTF-8''{}", utf8_percent_encode(name, ATTR_CHAR)),
    };
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(header: &str, expected: Option<&str>) {
        assert_eq!(file_name(header).as_deref(), expected, "{header}");
    }

    #[test]
    fn file_names() {
        check(r#"form-data; name="file"; filename="a.txt""#, Some("a.txt"));
        check("attachment; filename=a.txt", Some("a.txt"));
        check("attachment; FileName=a.txt ; x=y", Some("a.txt"));
        check(r#"form-data; filename="a;b=\"c\".txt"; name=x"#, Some("a;b=\"c\".txt"));
        check(r#"form-data; filename="C:\dir\a.txt""#, Some("a.txt"));
        check("form-data; filename=\"../../etc/passwd\"", Some("passwd"));
        check("form-data; filename=\"käse.txt\"", Some("käse.txt"));
        check("attachment; filename=\"x\"; filename*=UTF-8''k%C3%A4se.txt", Some("käse.txt"));
        check("form-data; name=\"file\"", None);
        check("form-data; filename=\"\"", None);
        check("form-data", None);
        check("attachment; inline; filename=a", Some("a"));
    }

    proptest! {
        #[test]
        fn a_name_comes_back(name in "[^/\\\\\\p{C}]{1,30}") {
            let header = inline(&name).expect("a header");
            let text = std::str::from_utf8(header.as_bytes()).expect("ascii");
            prop_assert_eq!(file_name(text), Some(name));
        }

        #[test]
        fn no_header_panics(header in "\\PC{0,60}") {
            let _ = file_name(&header);
        }
    }
}
