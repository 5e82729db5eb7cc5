//! The aws-chunked framing of bodies, decoded as a stream.
//!
//! `size[;chunk-signature=hex]CRLF data CRLF`, repeated, a chunk of size 0 at the end, then trailers. Nothing is
//! collected but chunk headers and trailers, both bounded; data is handed on as it comes, without a copy.
//!
//! Signed chunks are hashed while they stream, and their bytes are handed on before the signature that
//! follows from the hash is known. That is sound because nothing of a body becomes visible before its end
//! was reached without error: `objects` frees what a failed body wrote.
//!
//! Source: S3 API reference, "Signature Calculations for the Authorization Header: Transferring Payload in
//! Multiple Chunks", and the same with trailing headers.

use bytes::{Buf, Bytes};
use sha2::{Digest, Sha256};

use crate::{auth::ChunkSigner, context::Trailers, encoding::hex_digit, error::Refusal};

/// A chunk's header: 16 digits of size, the signature's 81 characters, and room for an extension.
const MAX_HEADER_BYTES: usize = 256;
const MAX_TRAILER_BYTES: usize = 16 * 1024;

/// Decodes one body. Give it the input as it comes, and tell it the end.
pub(crate) struct Decoder {
    state: State,
    /// Decoded bytes still to come.
    missing: u64,
    signer: Option<ChunkSigner>,
    trailers: Option<Trailers>,
    /// Of the chunk under way.
    digest: Sha256,
    /// The header or the trailers under way.
    line: Vec<u8>,
}

enum State {
    Header,
    Data {
        left: u64,
        signature: Signature,
    },
    /// The CRLF after the data, of which this many bytes came.
    DataEnd {
        seen: u8,
    },
    /// After the last chunk.
    Trailer,
}

type Signature = Option<[u8; 64]>;

impl Decoder {
    /// `size_bytes`: of the decoded body, exactly. `trailers`: where they are to go, `None` where the form has none.
    pub(crate) fn new(size_bytes: u64, signer: Option<ChunkSigner>, trailers: Option<Trailers>) -> Self {
        Self {
            state: State::Header,
            missing: size_bytes,
            signer,
            trailers,
            digest: Sha256::new(),
            line: Vec::new(),
        }
    }

    /// Takes bytes off the front of `input`. Yields decoded bytes, never none; `None` when all input is taken.
    pub(crate) fn next(&mut self, input: &mut Bytes) -> Result<Option<Bytes>, Refusal> {
        while !input.is_empty() {
            match &mut self.state {
                State::Header => self.take_header(input)?,
                State::Data { left, signature } => {
                    let take = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(take);
                    *left -= data.len() as u64;
                    let end = (*left == 0).then_some(*signature);
                    self.missing -= data.len() as u64;
                    if self.signer.is_some() {
                        self.digest.update(&data);
                    }
                    if let Some(signature) = end {
                        self.check_chunk(signature)?;
                        self.state = State::DataEnd { seen: 0 };
                    }
                    return Ok(Some(data));
                }
                State::DataEnd { seen } => {
                    if input[0] != b"\r\n"[usize::from(*seen)] {
                        return Err(malformed("a chunk is longer than its header says"));
                    }
                    input.advance(1);
                    *seen += 1;
                    if *seen == 2 {
                        self.state = State::Header;
                    }
                }
                State::Trailer => {
                    if self.line.len() + input.len() > MAX_TRAILER_BYTES {
                        return Err(malformed_trailer("it is longer than 16 KiB"));
                    }
                    self.line.extend_from_slice(input);
                    input.clear();
                }
            }
        }
        Ok(None)
    }

    /// The end of the input.
    pub(crate) fn finish(&mut self) -> Result<(), Refusal> {
        if !matches!(self.state, State::Trailer) {
            return Err(Refusal::new(
                "IncompleteBody",
                "The request body terminated unexpectedly: the aws-chunked body has no last chunk.",
            ));
        }
        let section = std::mem::take(&mut self.line);
        match self.trailers.take() {
            None if section == b"\r\n" => Ok(()),
            None => Err(malformed("bytes follow the last chunk")),
            Some(trailers) => self.check_trailers(&section, &trailers),
        }
    }

    fn take_header(&mut self, input: &mut Bytes) -> Result<(), Refusal> {
        let end = input.iter().position(|b| *b == b'\n');
        let taken = end.map_or(input.len(), |at| at + 1);
        if self.line.len() + taken > MAX_HEADER_BYTES {
            return Err(malformed("a chunk header is longer than 256 bytes"));
        }
        self.line.extend_from_slice(&input[..taken]);
        input.advance(taken);
        if end.is_none() {
            return Ok(());
        }
        let header = self
            .line
            .strip_suffix(b"\r\n")
            .ok_or_else(|| malformed("a chunk header does not end with CRLF"))?;
        let (size, signature) = parse_header(header, self.signer.is_some())?;
        self.line.clear();
        self.begin(size, signature)
    }

    fn begin(&mut self, size: u64, signature: Signature) -> Result<(), Refusal> {
        if size > self.missing || (size == 0 && self.missing > 0) {
            return Err(Refusal::new(
                "IncompleteBody",
                "The chunks do not have the number of bytes specified by the x-amz-decoded-content-length HTTP header.",
            ));
        }
        self.digest = Sha256::new();
        if size == 0 {
            self.check_chunk(signature)?;
            self.state = State::Trailer;
        } else {
            self.state = State::Data { left: size, signature };
        }
        Ok(())
    }

    fn check_chunk(&mut self, signature: Signature) -> Result<(), Refusal> {
        let Some(signer) = &mut self.signer else { return Ok(()) };
        let digest = std::mem::take(&mut self.digest).finalize().into();
        match signature {
            Some(signature) if signer.accepts_chunk(&digest, &signature) => Ok(()),
            _ => Err(Refusal::new(
                "SignatureDoesNotMatch",
                "The signature we calculated of a chunk does not match the signature you provided.",
            )),
        }
    }

    fn check_trailers(&mut self, section: &[u8], trailers: &Trailers) -> Result<(), Refusal> {
        let parsed = ParsedTrailers::parse(section)?;
        if let Some(signer) = &mut self.signer {
            let signature =
                parsed.signature.ok_or_else(|| malformed_trailer("x-amz-trailer-signature is missing"))?;
            let digest = Sha256::digest(parsed.canonical()).into();
            if !signer.accepts_trailer(&digest, signature.as_bytes()) {
                return Err(Refusal::new(
                    "SignatureDoesNotMatch",
                    "The signature we calculated of the trailers does not match the signature you provided.",
                ));
            }
        } else if parsed.signature.is_some() {
            return Err(malformed_trailer("x-amz-trailer-signature is there, and the chunks are not signed"));
        }
        for (name, value) in parsed.fields {
            let cell = trailers
                .cell(&name)
                .ok_or_else(|| malformed_trailer("x-amz-trailer did not announce a trailer that came"))?;
            if cell.set(value.to_owned()).is_err() {
                return Err(malformed_trailer("a trailer is there twice"));
            }
        }
        Ok(())
    }
}

/// The size, and the signature where chunks are signed. An extension of an unsigned chunk means nothing to us.
fn parse_header(header: &[u8], signed: bool) -> Result<(u64, Signature), Refusal> {
    let at = header.iter().position(|b| *b == b';');
    let size = parse_size(&header[..at.unwrap_or(header.len())])?;
    if !signed {
        return Ok((size, None));
    }
    let extension = at.map_or(&b""[..], |at| &header[at + 1..]);
    let signature = extension.strip_prefix(b"chunk-signature=").and_then(|text| text.try_into().ok());
    signature.map(|signature| (size, Some(signature))).ok_or_else(|| malformed("a chunk is not signed"))
}

fn parse_size(digits: &[u8]) -> Result<u64, Refusal> {
    if !(1..=16).contains(&digits.len()) {
        return Err(malformed("a chunk size is not 1 to 16 hexadecimal digits"));
    }
    digits
        .iter()
        .try_fold(0_u64, |size, digit| Some(size << 4 | u64::from(hex_digit(*digit)?)))
        .ok_or_else(|| malformed("a chunk size is not hexadecimal"))
}

struct ParsedTrailers<'a> {
    /// Lower-case names with their values, ordered by name.
    fields: Vec<(String, &'a str)>,
    signature: Option<&'a str>,
}

impl<'a> ParsedTrailers<'a> {
    /// Of everything after the last chunk's header, which ends with an empty line. Some SDKs (minio-go) end trailer
    /// lines with a bare LF, or put an empty line before the signature: since the section is whole here, and every
    /// line must be an announced trailer, that leaves nothing open.
    fn parse(section: &'a [u8]) -> Result<Self, Refusal> {
        let lines = match section {
            b"\r\n" => section,
            _ => section
                .strip_suffix(b"\r\n\r\n")
                .ok_or_else(|| malformed_trailer("it does not end with an empty line"))?,
        };
        let text = std::str::from_utf8(lines).map_err(|_| malformed_trailer("it is not UTF-8"))?;
        let mut parsed = Self { fields: Vec::new(), signature: None };
        for line in text
            .split('\n')
            .map(|line| line.strip_suffix('\r').unwrap_or(line))
            .filter(|line| !line.is_empty())
        {
            let (name, value) =
                line.split_once(':').ok_or_else(|| malformed_trailer("a line has no colon"))?;
            parsed.add(name.to_ascii_lowercase(), value.trim())?;
        }
        parsed.fields.sort_unstable();
        Ok(parsed)
    }

    fn add(&mut self, name: String, value: &'a str) -> Result<(), Refusal> {
        if value.bytes().any(|b| b.is_ascii_control()) {
            return Err(malformed_trailer("a value has a control character"));
        }
        if name != "x-amz-trailer-signature" {
            self.fields.push((name, value));
        } else if self.signature.replace(value).is_some() {
            return Err(malformed_trailer("x-amz-trailer-signature is there twice"));
        }
        Ok(())
    }

    /// As signed.
    fn canonical(&self) -> String {
        self.fields.iter().map(|(name, value)| [name, ":", value, "\n"].concat()).collect()
    }
}

fn malformed(what: &str) -> Refusal {
    Refusal::new("InvalidRequest", format!("The aws-chunked body is malformed: {what}."))
}

fn malformed_trailer(what: &str) -> Refusal {
    Refusal::new("MalformedTrailerError", format!("The trailer of the request is malformed: {what}."))
}

#[cfg(test)]
mod tests;
