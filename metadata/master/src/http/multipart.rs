//! The one file of a `multipart/form-data` upload that is in memory as a whole.

use bytes::Bytes;
use memchr::memmem;

/// A part of a form that is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// What the client calls it, without directories.
    pub(super) file_name: String,
    /// Its media type; empty: not said.
    pub(super) mime: String,
    pub(super) data: Bytes,
}

/// Why a body is no form with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadForm {
    #[error("multipart: no boundary in the content type")]
    NoBoundary,
    #[error("multipart: the body does not follow its boundary")]
    Framing,
    #[error("multipart: no part is a file")]
    NoFile,
}

/// Boundaries are at most 70 characters, RFC 2046 5.1.1.
const MAX_BOUNDARY_BYTES: usize = 70;

/// The first part of `body` that has a file name. `content_type` is that of the request.
pub(super) fn first_file(content_type: &str, body: &Bytes) -> Result<Part, BadForm> {
    let boundary = parameter(content_type, "boundary").ok_or(BadForm::NoBoundary)?;
    if boundary.is_empty() || boundary.len() > MAX_BOUNDARY_BYTES {
        return Err(BadForm::NoBoundary);
    }
    let delimiter = format!("\r\n--{boundary}");
    let opening = delimiter.trim_start();
    let start = if body.starts_with(opening.as_bytes()) {
        opening.len()
    } else {
        memmem::find(body, delimiter.as_bytes()).ok_or(BadForm::Framing)? + delimiter.len()
    };
    let mut rest = body.slice(start..);
    while !rest.starts_with(b"--") {
        let end = memmem::find(&rest, delimiter.as_bytes()).ok_or(BadForm::Framing)?;
        if let Some(part) = file(&rest.slice(..end))? {
            return Ok(part);
        }
        rest = rest.slice(end + delimiter.len()..);
    }
    Err(BadForm::NoFile)
}

/// `part` follows its delimiter: the rest of that line, headers, an empty line, the data.
fn file(part: &Bytes) -> Result<Option<Part>, BadForm> {
    let head_end = memmem::find(part, b"\r\n\r\n").ok_or(BadForm::Framing)?;
    let head = String::from_utf8_lossy(part.get(..head_end).ok_or(BadForm::Framing)?);
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    };
    let Some(file_name) = header("content-disposition").and_then(|value| parameter(value, "filename")) else {
        return Ok(None);
    };
    let file_name = file_name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let mime = header("content-type").unwrap_or_default().to_owned();
    Ok(Some(Part { file_name, mime, data: part.slice(head_end + 4..) }))
}

/// `value` of `; name=value` or `; name="value"` in a header; inside quotes a backslash takes the next character as it is.
fn parameter(header: &str, name: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.split_once(';')?.1.trim_start();
        let (key, value) = rest.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquote(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                let (value, after) = value.split_at(end);
                (value.trim_end().to_owned(), after)
            }
        };
        if key.trim_end().eq_ignore_ascii_case(name) {
            return Some(value);
        }
        rest = after;
    }
}

fn unquote(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices();
    while let Some((index, char)) = chars.next() {
        match char {
            '"' => return Some((value, quoted.get(index + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TYPE: &str = "multipart/form-data; boundary=XX";

    #[track_caller]
    fn check(body: &str, expected: Result<(&str, &str, &str), BadForm>) {
        let part = first_file(TYPE, &Bytes::copy_from_slice(body.as_bytes()));
        let expected = expected.map(|(file_name, mime, data)| Part {
            file_name: file_name.to_owned(),
            mime: mime.to_owned(),
            data: Bytes::copy_from_slice(data.as_bytes()),
        });
        assert_eq!(part, expected, "{body:?}");
    }

    #[test]
    fn forms() {
        let file =
            "Content-Disposition: form-data; name=\"file\"; filename=\"a/b.txt\"\r\ncontent-TYPE: text/plain";
        check(&format!("--XX\r\n{file}\r\n\r\nhello\r\n--XX--\r\n"), Ok(("b.txt", "text/plain", "hello")));
        check(&format!("--XX\r\n{file}\r\n\r\n\r\n--XX--"), Ok(("b.txt", "text/plain", "")));
        let field = "Content-Disposition: form-data; name=\"ttl\"";
        check(
            &format!("--XX\r\n{field}\r\n\r\n3m\r\n--XX\r\n{file}\r\n\r\nin --XX side\r\n--XX--\r\n"),
            Ok(("b.txt", "text/plain", "in --XX side")),
        );
        check(&format!("preamble\r\n--XX\r\n{file}\r\n\r\nx\r\n--XX--"), Ok(("b.txt", "text/plain", "x")));
        let quoted = r#"Content-Disposition: form-data; name="a;b"; filename="say \"hi\".txt""#;
        check(&format!("--XX\r\n{quoted}\r\n\r\nx\r\n--XX--"), Ok((r#"say "hi".txt"#, "", "x")));
        check(&format!("--XX\r\n{field}\r\n\r\n3m\r\n--XX--\r\n"), Err(BadForm::NoFile));
        check(&format!("--XX\r\n{file}\r\n\r\ncut short"), Err(BadForm::Framing));
        check("no form at all", Err(BadForm::Framing));
        let none = first_file("multipart/form-data", &Bytes::from_static(b"--\r\n"));
        assert_eq!(none, Err(BadForm::NoBoundary));
    }

    proptest! {
        #[test]
        fn data_round_trips(data in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assume!(memmem::find(&data, b"\r\n--0123").is_none());
            let mut body = b"--0123\r\nContent-Disposition: form-data; filename=f\r\n\r\n".to_vec();
            body.extend(&data);
            body.extend(b"\r\n--0123--\r\n");
            let part = first_file("multipart/form-data; boundary=\"0123\"", &Bytes::from(body)).expect("a file");
            prop_assert_eq!(part.data, data);
        }

        #[test]
        fn no_body_panics(content_type in "\\PC{0,80}", body in "(--XX|\r\n|[a-z:;=\"\\\\]|filename=|Content-Disposition: ){0,40}") {
            let _ = first_file(&content_type, &Bytes::from(body.clone()));
            let _ = first_file(TYPE, &Bytes::from(body));
        }
    }
}
