//! The dates of signed requests, as seconds since 1970.

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, format_description::well_known::Rfc2822};

/// The moment a request was signed, with the text that was signed: `20130524T000000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SigningTime {
    unix: i64,
    text: [u8; 16],
}

impl SigningTime {
    /// Of `x-amz-date` or `X-Amz-Date`. `None` unless exactly `YYYYMMDDTHHMMSSZ`, a real moment, 1970 or later.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 16] = text.as_bytes().try_into().ok()?;
        let number = |from: usize, to: usize| -> Option<u16> {
            bytes[from..to]
                .iter()
                .try_fold(0_u16, |sum, b| b.is_ascii_digit().then(|| sum * 10 + u16::from(b - b'0')))
        };
        let small = |from: usize| number(from, from + 2).and_then(|n| u8::try_from(n).ok());
        if bytes[8] != b'T' || bytes[15] != b'Z' {
            return None;
        }
        let date =
            Date::from_calendar_date(i32::from(number(0, 4)?), Month::try_from(small(4)?).ok()?, small(6)?)
                .ok()?;
        let time = Time::from_hms(small(9)?, small(11)?, small(13)?).ok()?;
        let unix = PrimitiveDateTime::new(date, time).assume_utc().unix_timestamp();
        (unix >= 0).then_some(Self { unix, text: bytes })
    }

    /// Of the `Date` header, for clients that send no `x-amz-date`: an HTTP date or the form of [`Self::parse`].
    pub(crate) fn parse_date_header(text: &str) -> Option<Self> {
        Self::parse(text).or_else(|| Self::from_unix(parse_http_date(text)?))
    }

    fn from_unix(unix: i64) -> Option<Self> {
        let at = OffsetDateTime::from_unix_timestamp(unix).ok()?;
        let text = format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        );
        Self::parse(&text)
    }

    /// Seconds since 1970.
    pub(crate) fn unix(&self) -> i64 {
        self.unix
    }

    /// As signed.
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// Its day, as in the credential's scope: `20130524`.
    pub(crate) fn day(&self) -> &str {
        &self.text()[..8]
    }
}

/// Seconds since 1970 of an HTTP date, `Fri, 24 May 2013 00:00:00 GMT` or with a numeric zone. `None` before 1970.
pub(crate) fn parse_http_date(text: &str) -> Option<i64> {
    // No date is longer, and the parser accepts comments without bound.
    if text.len() > 40 {
        return None;
    }
    // Go's RFC 1123 names the zone so, and rclone signs it.
    let utc = text.strip_suffix(" UTC").map(|rest| [rest, " GMT"].concat());
    let unix = OffsetDateTime::parse(utc.as_deref().unwrap_or(text), &Rfc2822).ok()?.unix_timestamp();
    (unix >= 0).then_some(unix)
}

/// `unix` seconds as `2013-05-24T00:00:00Z`, for error documents.
pub(crate) fn display(unix: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(unix) else { return unix.to_string() };
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second()
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_are_read() {
        let at = SigningTime::parse("20130524T000000Z").expect("a date");
        assert_eq!((at.unix(), at.text(), at.day()), (1_369_353_600, "20130524T000000Z", "20130524"));
        assert_eq!(SigningTime::parse_date_header("Fri, 24 May 2013 00:00:00 GMT"), Some(at));
        for text in
            ["Fri, 24 May 2013 02:00:00 +0200", "Fri, 24 May 2013 00:00:00 UTC", "24 May 2013 00:00:00 GMT"]
        {
            assert_eq!(parse_http_date(text), Some(1_369_353_600), "{text}");
        }
        assert_eq!(display(1_369_353_600), "2013-05-24T00:00:00Z");
    }

    #[test]
    fn wrong_dates_are_refused() {
        for text in [
            "",
            "20130524",
            "20130524T000000",
            "20130524T000000z",
            "20131324T000000Z",
            "20130532T000000Z",
            "20130524T250000Z",
            "19690101T000000Z",
            "+0130524T000000Z",
        ] {
            assert_eq!(SigningTime::parse(text), None, "{text}");
        }
        for text in ["", "Bad Date", "Tue, 07 Jul 1950 21:53:04 GMT", "0"] {
            assert_eq!(SigningTime::parse_date_header(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_second_survives(unix in 0_i64..253_402_300_800) {
            let at = SigningTime::from_unix(unix).expect("within 4-digit years");
            prop_assert_eq!(at.unix(), unix);
            prop_assert_eq!(SigningTime::parse(at.text()), Some(at));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,48}", almost in "[0-9]{8}T[0-9]{6}Z") {
            for read in [SigningTime::parse_date_header(&text), SigningTime::parse(&almost)].into_iter().flatten() {
                prop_assert!(SigningTime::parse(read.text()) == Some(read));
            }
        }
    }
}
