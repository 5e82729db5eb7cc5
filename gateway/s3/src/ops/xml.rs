//! XML of the answers that have a thousand lines: listings and bulk deletes. s3s writes all the others.

use bytes::Bytes;

/// Writes elements one after the other into one buffer.
pub(super) struct Xml {
    out: Vec<u8>,
    root: &'static str,
}

impl Xml {
    /// A document of S3's namespace with this root.
    pub(super) fn new(root: &'static str, capacity_bytes: usize) -> Self {
        let mut xml = Self { out: Vec::with_capacity(capacity_bytes), root };
        xml.raw("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<");
        xml.raw(root);
        xml.raw(" xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        xml
    }

    pub(super) fn finish(mut self) -> Bytes {
        self.close(self.root);
        self.out.into()
    }

    pub(super) fn open(&mut self, name: &str) {
        self.raw("<");
        self.raw(name);
        self.raw(">");
    }

    pub(super) fn close(&mut self, name: &str) {
        self.raw("</");
        self.raw(name);
        self.raw(">");
    }

    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.open(name);
        self.escaped(text);
        self.close(name);
    }

    pub(super) fn opt_text(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// What `write` appends needs no escapes.
    pub(super) fn plain(&mut self, name: &str, write: impl FnOnce(&mut Vec<u8>)) {
        self.open(name);
        write(&mut self.out);
        self.close(name);
    }

    pub(super) fn number(&mut self, name: &str, number: u64) {
        self.plain(name, |out| decimal(number, out));
    }

    pub(super) fn bool(&mut self, name: &str, value: bool) {
        self.plain(name, |out| out.extend_from_slice(if value { b"true" } else { b"false" }));
    }

    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    /// Control characters as AWS writes them: XML 1.0 has no way to say them, yet keys have them.
    fn escaped(&mut self, text: &str) {
        let mut clean_from = 0;
        for (at, byte) in text.bytes().enumerate() {
            if byte >= b' ' && !matches!(byte, b'&' | b'<' | b'>') {
                continue;
            }
            self.raw(&text[clean_from..at]);
            clean_from = at + 1;
            match byte {
                b'&' => self.raw("&amp;"),
                b'<' => self.raw("&lt;"),
                b'>' => self.raw("&gt;"),
                control => {
                    self.raw("&#");
                    decimal(u64::from(control), &mut self.out);
                    self.raw(";");
                }
            }
        }
        self.raw(&text[clean_from..]);
    }
}

fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b"0123456789"[(number % 10) as usize];
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quick_xml::{Reader, escape::resolve_xml_entity, events::Event};

    use super::*;

    #[test]
    fn elements_are_written_one_after_the_other() {
        let mut xml = Xml::new("Root", 0);
        xml.text("Key", "a<b>&\"c\"\r\n");
        xml.opt_text("None", None);
        xml.open("Inner");
        xml.number("Size", 0);
        xml.number("Size", u64::MAX);
        xml.bool("IsTruncated", true);
        xml.close("Inner");
        assert_eq!(
            xml.finish(),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <Root xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Key>a&lt;b&gt;&amp;\"c\"&#13;&#10;</Key>\
             <Inner><Size>0</Size><Size>18446744073709551615</Size><IsTruncated>true</IsTruncated></Inner></Root>"
        );
    }

    /// The text of the document's only element with text.
    fn read(xml: &[u8]) -> String {
        let mut reader = Reader::from_reader(xml);
        let mut text = String::new();
        let mut depth = 0;
        loop {
            match reader.read_event().expect("well-formed") {
                Event::Start(_) => depth += 1,
                Event::End(_) => depth -= 1,
                Event::Text(piece) if depth == 2 => text += piece.as_ref(),
                Event::GeneralRef(name) => match name.resolve_char_ref().expect("a character") {
                    Some(character) => text.push(character),
                    None => text += resolve_xml_entity(name.as_ref()).expect("known"),
                },
                Event::Eof => return text,
                _ => {}
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[\\x01-\\x7f\u{80}-\u{ff}<>&\"']{0,40}") {
            let mut xml = Xml::new("Root", 0);
            xml.text("Key", &text);
            prop_assert_eq!(read(&xml.finish()), text);
        }
    }
}
