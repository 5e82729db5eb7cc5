//! The one file in a `multipart/form-data` body. Source: RFC 7578, RFC 2046 section 5.1.

use bytes::Bytes;
use memchr::memmem;

use super::disposition;

/// A part, its data a slice of the body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Part {
    pub(super) file_name: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) data: Bytes,
}

/// Why a body holds no file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadMultipart {
    #[error("multipart: no boundary in Content-Type")]
    NoBoundary,
    #[error("multipart: the body holds no part")]
    NoPart,
    #[error("multipart: the body ends within a part")]
    Unfinished,
    #[error("multipart: a part's headers are longer than {MAX_HEADER_BYTES} bytes or not text")]
    BadHeader,
    #[error("multipart: more than {MAX_PARTS} parts")]
    TooManyParts,
}

const MAX_HEADER_BYTES: usize = 16 << 10;
const MAX_PARTS: usize = 1000;
const MAX_BOUNDARY_BYTES: usize = 70;

/// The boundary in a `Content-Type`, or `None` where it is no form.
pub(super) fn boundary(content_type: &str) -> Option<Result<String, BadMultipart>> {
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    media_type.eq_ignore_ascii_case("multipart/form-data").then(|| {
        disposition::parameter(content_type, "boundary")
            .filter(|boundary| (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()))
            .ok_or(BadMultipart::NoBoundary)
    })
}

/// The first part with a file name, else the first part: other fields of a form are not stored. The body must be
/// whole up to its closing boundary.
pub(super) fn file(body: &Bytes, boundary: &str) -> Result<Part, BadMultipart> {
    let delimiter = format!("\r\n--{boundary}");
    let mut rest = opening(body, &delimiter)?;
    let mut chosen: Option<Part> = None;
    for _ in 0..MAX_PARTS {
        // After a boundary: `--` ends the body, padding and a line break begin a part.
        if rest.starts_with(b"--") {
            return chosen.ok_or(BadMultipart::NoPart);
        }
        let line_end = memmem::find(&rest, b"\r\n").ok_or(BadMultipart::Unfinished)?;
        // The line break stays: a part without headers goes on with an empty line.
        let (part, after) = one(&rest.slice(line_end..), &delimiter)?;
        let better =
            chosen.as_ref().is_none_or(|chosen| chosen.file_name.is_none() && part.file_name.is_some());
        if better {
            chosen = Some(part);
        }
        rest = after;
    }
    Err(BadMultipart::TooManyParts)
}

/// What follows the first boundary; a preamble before it is skipped.
fn opening(body: &Bytes, delimiter: &str) -> Result<Bytes, BadMultipart> {
    let first = &delimiter.as_bytes()[2..];
    if body.starts_with(first) {
        return Ok(body.slice(first.len()..));
    }
    let at = memmem::find(body, delimiter.as_bytes()).ok_or(BadMultipart::NoPart)?;
    Ok(body.slice(at + delimiter.len()..))
}

/// The part at the beginning of `rest`, which starts at the line break before its headers, and what follows the
/// boundary after it.
fn one(rest: &Bytes, delimiter: &str) -> Result<(Part, Bytes), BadMultipart> {
    let searched = &rest[..rest.len().min(MAX_HEADER_BYTES)];
    let headers_end = memmem::find(searched, b"\r\n\r\n").ok_or(match rest.len() > MAX_HEADER_BYTES {
        true => BadMultipart::BadHeader,
        false => BadMultipart::Unfinished,
    })?;
    let mut part = Part::default();
    let headers = std::str::from_utf8(&rest[..headers_end]).map_err(|_| BadMultipart::BadHeader)?;
    for line in headers.split("\r\n").filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(BadMultipart::BadHeader)?;
        part.take_header(name.trim(), value.trim());
    }
    // An empty part: the line break that ends the headers is also the one of the boundary.
    let data_start = headers_end + 4;
    let searched_from = headers_end + 2;
    let data_end = memmem::find(&rest[searched_from..], delimiter.as_bytes())
        .ok_or(BadMultipart::Unfinished)?
        + searched_from;
    part.data = rest.slice(data_start.min(data_end)..data_end);
    Ok((part, rest.slice(data_end + delimiter.len()..)))
}

impl Part {
    fn take_header(&mut self, name: &str, value: &str) {
        if name.eq_ignore_ascii_case("content-disposition") {
            self.file_name = disposition::file_name(value);
        } else if name.eq_ignore_ascii_case("content-type") {
            self.content_type = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("content-encoding") {
            self.content_encoding = Some(value.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(body: &str) -> Result<Part, BadMultipart> {
        file(&Bytes::copy_from_slice(body.as_bytes()), "XX")
    }

    #[track_caller]
    fn check(body: &str, name: Option<&str>, data: &str) {
        let part = parse(body).unwrap_or_else(|error| panic!("{body:?}: {error}"));
        assert_eq!((part.file_name.as_deref(), &*part.data), (name, data.as_bytes()), "{body:?}");
    }

    const FIELD: &str = "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\nfield\r\n";
    const FILE: &str = "--XX\r\nContent-Disposition: form-data; name=f; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nfile\r\n";

    #[test]
    fn the_file_is_found() {
        check(&format!("{FILE}--XX--\r\n"), Some("a.txt"), "file");
        check(&format!("{FIELD}{FILE}--XX--"), Some("a.txt"), "file");
        check(&format!("{FIELD}--XX--"), None, "field");
        check(&format!("preamble\r\n{FILE}--XX--\r\nepilogue"), Some("a.txt"), "file");
        check("--XX\r\n\r\nbare\r\n--XX--", None, "bare");
        check("--XX  \r\n\r\n\r\n--XX--", None, "");
        check("--XX\r\n\r\n--XX--", None, "");
        check("--XX\r\n\r\n--X\r\n--\r\n\r\n--XX--", None, "--X\r\n--\r\n");
        assert_eq!(
            parse(&format!("{FILE}--XX--")).map(|part| part.content_type),
            Ok(Some("text/plain".into()))
        );
    }

    #[test]
    fn what_is_cut_or_garbled_is_refused() {
        let whole = format!("{FILE}--XX--");
        for end in 0..whole.len() {
            assert!(parse(&whole[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(parse("--XX--"), Err(BadMultipart::NoPart));
        assert_eq!(parse("no boundary"), Err(BadMultipart::NoPart));
        assert_eq!(parse("--XX\r\nno colon\r\n\r\nx\r\n--XX--"), Err(BadMultipart::BadHeader));
        let long = format!("--XX\r\nA: {}\r\n\r\nx\r\n--XX--", "a".repeat(MAX_HEADER_BYTES));
        assert_eq!(parse(&long), Err(BadMultipart::BadHeader));
        let many = format!("{}--XX--", FIELD.repeat(MAX_PARTS + 1));
        assert_eq!(parse(&many), Err(BadMultipart::TooManyParts));
    }

    #[test]
    fn boundaries() {
        let boundary = |text| boundary(text).map(Result::ok);
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some(Some("abc".into())));
        assert_eq!(boundary("Multipart/Form-Data; charset=x; boundary=\"a b\""), Some(Some("a b".into())));
        assert_eq!(boundary("multipart/form-data"), Some(None));
        assert_eq!(boundary("multipart/form-data; boundary="), Some(None));
        assert_eq!(boundary("text/plain; boundary=abc"), None);
    }

    proptest! {
        #[test]
        fn any_data_comes_back(data: Vec<u8>) {
            prop_assume!(memmem::find(&data, b"--XX").is_none());
            let mut body = b"--XX\r\nContent-Disposition: form-data; filename=x\r\n\r\n".to_vec();
            body.extend_from_slice(&data);
            body.extend_from_slice(b"\r\n--XX--\r\n");
            let part = file(&body.into(), "XX").expect("parses");
            prop_assert_eq!(&*part.data, &data[..]);
        }

        #[test]
        fn no_body_panics(body in "(--XX|\r\n|--|[a-z:;=\" ]){0,30}") {
            let _ = parse(&body);
        }
    }
}
