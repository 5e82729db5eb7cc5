use proptest::prelude::*;

use super::*;
use crate::auth::tests::chunk_signer;

/// Decodes `body` as it would come in pieces of these sizes.
fn decode(mut decoder: Decoder, body: &[u8], cuts: &[usize]) -> Result<Vec<u8>, Refusal> {
    let mut rest = Bytes::copy_from_slice(body);
    let mut decoded = Vec::new();
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        let size = cuts.next().map_or(rest.len(), |cut| (*cut).clamp(1, rest.len()));
        let mut input = rest.split_to(size);
        while let Some(piece) = decoder.next(&mut input)? {
            assert!(!piece.is_empty());
            decoded.extend_from_slice(&piece);
        }
    }
    decoder.finish().map(|()| decoded)
}

fn announced(names: &[&str]) -> Trailers {
    Trailers::announced(names.iter().map(|name| name.parse().expect("a name")))
}

fn unsigned(size_bytes: u64, names: &[&str]) -> Decoder {
    Decoder::new(size_bytes, None, Some(announced(names)))
}

fn code(result: Result<Vec<u8>, Refusal>) -> &'static str {
    result.expect_err("a refusal").code
}

#[test]
fn unsigned_chunks_and_their_trailer_are_read() {
    let body = b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
    for cut in [1, 2, 3, 7, 1000] {
        let trailers = announced(&["x-amz-checksum-crc32"]);
        let decoder = Decoder::new(9, None, Some(trailers.clone()));
        assert_eq!(decode(decoder, body, &[cut]), Ok(b"Wikipedia".to_vec()));
        let cell = trailers.cell("x-amz-checksum-crc32").expect("announced");
        assert_eq!(cell.get().map(String::as_str), Some("AAAAAA=="));
    }
}

#[test]
fn framing_is_strict() {
    for (body, expected) in [
        (&b""[..], "IncompleteBody"),
        (b"4\r\nWiki\r\n", "IncompleteBody"),
        (b"4\r\nWi", "IncompleteBody"),
        (b"4\r\nWiki\r\n0\r\n", "MalformedTrailerError"),
        (b"4\r\nWiki\r\n0\r\n\r", "MalformedTrailerError"),
        (b"4\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b"4\r\nWiki\n\n0\r\n\r\n", "InvalidRequest"),
        (b"4\r\nWikix\r\n0\r\n\r\n", "InvalidRequest"),
        (b"5\r\nWikix\r\n0\r\n\r\n", "IncompleteBody"),
        (b"3\r\nWik\r\n0\r\n\r\n", "IncompleteBody"),
        (b"\r\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b"-4\r\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b"0x4\r\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b" 4\r\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b"00000000000000004\r\nWiki\r\n0\r\n\r\n", "InvalidRequest"),
        (b"ffffffffffffffff\r\nWiki\r\n0\r\n\r\n", "IncompleteBody"),
        (b"4\r\nWiki\r\n0\r\n\r\nmore", "MalformedTrailerError"),
        (b"4\r\nWiki\r\n0\r\n\r\n\r\n\r\nx\r\n\r\n", "MalformedTrailerError"),
        (b"4\r\nWiki\r\n0\r\nx-amz-checksum-crc32\r\n\r\n", "MalformedTrailerError"),
        (b"4\r\nWiki\r\n0\r\nx-other:1\r\n\r\n", "MalformedTrailerError"),
        (
            b"4\r\nWiki\r\n0\r\nx-amz-checksum-crc32:1\r\nx-amz-checksum-crc32:1\r\n\r\n",
            "MalformedTrailerError",
        ),
        (b"4\r\nWiki\r\n0\r\nx-amz-checksum-crc32:\xff\r\n\r\n", "MalformedTrailerError"),
        (b"4\r\nWiki\r\n0\r\nx-amz-trailer-signature:00\r\n\r\n", "MalformedTrailerError"),
    ] {
        let result = decode(unsigned(4, &["x-amz-checksum-crc32"]), body, &[3]);
        assert_eq!(code(result), expected, "{}", body.escape_ascii());
    }
    assert_eq!(
        decode(unsigned(4, &["x-amz-checksum-crc32"]), b"4\r\nWiki\r\n0\r\n\r\n", &[3]),
        Ok(b"Wiki".to_vec())
    );
}

#[test]
fn nothing_is_collected_without_bound() {
    let long_extension = [b"4;", &[b'x'; 300][..], b"\r\nWiki\r\n0\r\n\r\n"].concat();
    assert_eq!(code(decode(unsigned(4, &[]), &long_extension, &[50])), "InvalidRequest");
    let endless_header = vec![b'1'; 100_000];
    assert_eq!(code(decode(unsigned(4, &[]), &endless_header, &[50])), "InvalidRequest");
    let endless_trailer = [b"4\r\nWiki\r\n0\r\nx-a:", &[b'x'; 20_000][..], b"\r\n\r\n"].concat();
    assert_eq!(code(decode(unsigned(4, &["x-a"]), &endless_trailer, &[1000])), "MalformedTrailerError");
}

/// minio-go ends trailer lines with a bare LF and the section with an empty line of its own.
#[test]
fn trailers_of_minio_go_are_read() {
    let body = b"4\r\nWiki\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n\r\n";
    assert_eq!(decode(unsigned(4, &["x-amz-checksum-crc32"]), body, &[5]), Ok(b"Wiki".to_vec()));
    let (signer, seed, chunks) = chunk_signer();
    let whole =
        String::from_utf8(signer.chunked(&seed, &[b"Wiki"], Some(("x-amz-checksum-crc32", "AAAAAA=="))))
            .expect("text");
    let body = whole.replace("AAAAAA==\r\n", "AAAAAA==\n\r\n");
    let decoder = Decoder::new(4, Some(chunks), Some(announced(&["x-amz-checksum-crc32"])));
    assert_eq!(decode(decoder, body.as_bytes(), &[5]), Ok(b"Wiki".to_vec()));
}

#[test]
fn signed_forms_demand_their_signatures() {
    let (signer, seed, chunks) = chunk_signer();
    let plain = |body: &[u8]| decode(Decoder::new(4, Some(chunks.clone()), None), body, &[9]);
    let trailing = |body: &[u8]| {
        decode(Decoder::new(4, Some(chunks.clone()), Some(announced(&["x-amz-checksum-crc32"]))), body, &[9])
    };
    let body = signer.chunked(&seed, &[b"Wi", b"ki"], None);
    assert_eq!(plain(&body), Ok(b"Wiki".to_vec()));
    assert_eq!(code(plain(&[&body[..], b"x"].concat())), "InvalidRequest");
    assert_eq!(code(plain(&body[..body.len() - 2])), "InvalidRequest");
    assert_eq!(code(plain(b"4\r\nWiki\r\n0\r\n\r\n")), "InvalidRequest");
    // Chunks in another order, or of another request.
    let swapped = signer.chunked(&signer.chunk_signature(&seed, b"x"), &[b"Wi", b"ki"], None);
    assert_eq!(code(plain(&swapped)), "SignatureDoesNotMatch");
    let with_trailer = signer.chunked(&seed, &[b"Wiki"], Some(("x-amz-checksum-crc32", "AAAAAA==")));
    assert_eq!(trailing(&with_trailer), Ok(b"Wiki".to_vec()));
    assert_eq!(code(plain(&with_trailer)), "InvalidRequest");
    // A signed trailer must not be left out.
    assert_eq!(code(trailing(&signer.chunked(&seed, &[b"Wiki"], None))), "MalformedTrailerError");
    let forged = String::from_utf8(with_trailer).expect("text").replace("AAAAAA==", "AAAAAQ==");
    assert_eq!(code(trailing(forged.as_bytes())), "SignatureDoesNotMatch");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_framing_decodes_to_its_data(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
        cuts in proptest::collection::vec(1_usize..60, 1..8),
        signed: bool,
        trailer: bool,
    ) {
        let data = chunks.concat();
        let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        let trailer = trailer.then_some(("x-amz-checksum-crc32", "AAAAAA=="));
        let cells = announced(&["x-amz-checksum-crc32"]);
        let (signer, seed, chunk_signer) = chunk_signer();
        let (body, decoder) = if signed {
            let cells = trailer.map(|_| cells.clone());
            (signer.chunked(&seed, &parts, trailer), Decoder::new(data.len() as u64, Some(chunk_signer), cells))
        } else {
            (model(&parts, trailer), Decoder::new(data.len() as u64, None, Some(cells.clone())))
        };
        prop_assert_eq!(decode(decoder, &body, &cuts), Ok(data));
        let cell = cells.cell("x-amz-checksum-crc32").expect("announced");
        prop_assert_eq!(cell.get().map(String::as_str), trailer.map(|(_, value)| value));
    }

    /// One changed byte of a signed body is found, wherever it is, unless it says the same (the case of a size).
    #[test]
    fn no_change_of_a_signed_body_passes(at in any::<prop::sample::Index>(), to: u8, cuts in proptest::collection::vec(1_usize..60, 1..4)) {
        let (signer, seed, chunks) = chunk_signer();
        let data = [[b'a'; 30], [b'b'; 30]];
        let mut body = signer.chunked(&seed, &[&data[0], &data[1]], Some(("x-amz-checksum-crc32", "AAAAAA==")));
        let at = at.index(body.len());
        let original = std::mem::replace(&mut body[at], to);
        let decoder = Decoder::new(60, Some(chunks), Some(announced(&["x-amz-checksum-crc32"])));
        if let Ok(decoded) = decode(decoder, &body, &cuts) {
            prop_assert!(to.eq_ignore_ascii_case(&original), "{} -> {}", original.escape_ascii(), to.escape_ascii());
            prop_assert_eq!(decoded, data.concat());
        }
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(
        body in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..80),
            "([0-9a-f]{0,3}(;[a-z=]{0,4})?\r\n|[a-z]{0,8}\r\n|0\r\n\r\n|x-a:[a-z]{0,3}\r\n){0,6}".prop_map(String::into_bytes),
        ],
        size in 0_u64..20,
        cuts in proptest::collection::vec(1_usize..20, 1..4),
    ) {
        if let Ok(decoded) = decode(unsigned(size, &["x-a"]), &body, &cuts) {
            prop_assert_eq!(decoded.len() as u64, size);
        }
    }
}

/// The framing as the documents draw it.
fn model(chunks: &[&[u8]], trailer: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks {
        body.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        body.extend_from_slice(chunk);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n");
    if let Some((name, value)) = trailer {
        body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
    }
    body.extend_from_slice(b"\r\n");
    body
}
