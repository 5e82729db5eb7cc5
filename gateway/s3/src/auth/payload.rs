//! What `x-amz-content-sha256` says of the body.

use crate::{encoding::hex_digit, error::Refusal};

/// How the body is to be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PayloadClaim {
    /// Not by the signature.
    Unsigned,
    /// Its SHA-256 is signed.
    Sha256([u8; 32]),
    /// Framed as aws-chunked.
    Chunked {
        /// Each chunk, and the trailers, are signed.
        signed: bool,
        /// Trailers follow the last chunk.
        trailer: bool,
    },
}

impl PayloadClaim {
    /// Of the header's text.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        match text {
            "UNSIGNED-PAYLOAD" => Ok(Self::Unsigned),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" => Ok(Self::Chunked { signed: true, trailer: false }),
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" => Ok(Self::Chunked { signed: true, trailer: true }),
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER" => Ok(Self::Chunked { signed: false, trailer: true }),
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD"
            | "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER" => {
                Err(Refusal::new("NotImplemented", "Signature V4A (ECDSA) is not implemented."))
            }
            _ => parse_sha256(text).map(Self::Sha256).ok_or_else(|| invalid(text)),
        }
    }
}

fn parse_sha256(text: &str) -> Option<[u8; 32]> {
    let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(digest)
}

fn invalid(text: &str) -> Refusal {
    Refusal::new(
        "InvalidArgument",
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
         STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
    )
    .with("ArgumentName", "x-amz-content-sha256")
    .with("ArgumentValue", text.chars().take(100).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_and_forms_are_told_apart() {
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let PayloadClaim::Sha256(digest) = PayloadClaim::parse(text).expect("a digest") else {
            panic!("a digest")
        };
        assert_eq!(hex::encode(digest), text);
        assert_eq!(PayloadClaim::parse("UNSIGNED-PAYLOAD"), Ok(PayloadClaim::Unsigned));
        for wrong in ["", "unsigned-payload", &text[1..], &text.replace('e', "g"), "STREAMING-PAYLOAD"] {
            assert_eq!(PayloadClaim::parse(wrong).expect_err(wrong).code, "InvalidArgument");
        }
    }
}
