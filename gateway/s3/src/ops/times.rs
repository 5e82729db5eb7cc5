//! Moments as HTTP and XML write them.

use std::time::Duration;

use time::{
    Date, Month, OffsetDateTime, PrimitiveDateTime, Time, format_description::BorrowedFormatItem,
    macros::format_description,
};
use types::Timestamp;

const HTTP_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");

/// An HTTP date in any of its three forms. `None`: not a date, which RFC 9110 section 13.1 says to ignore.
pub(super) fn parse_http_date(text: &str) -> Option<Timestamp> {
    let words: Vec<&str> = text.split([' ', ',', '-', ':']).filter(|word| !word.is_empty()).collect();
    let moment = match words[..] {
        [_, day, month, year, hour, minute, second, "GMT"] => civil(day, month, year, hour, minute, second)?,
        [_, month, day, hour, minute, second, year] => civil(day, month, year, hour, minute, second)?,
        _ => return None,
    };
    let seconds = u64::try_from(moment.assume_utc().unix_timestamp()).unwrap_or(0);
    Some(Timestamp::from_millis(seconds.saturating_mul(1000)))
}

fn civil(
    day: &str,
    month: &str,
    year: &str,
    hour: &str,
    minute: &str,
    second: &str,
) -> Option<PrimitiveDateTime> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = MONTHS.iter().zip(1u8..).find(|(name, _)| **name == month)?.1;
    let year = match (year.len(), year.parse::<i32>().ok()?) {
        (2, short @ 70..) => 1900 + short,
        (2, short) => 2000 + short,
        (_, year) => year,
    };
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day.parse().ok()?).ok()?;
    let time = Time::from_hms(hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?).ok()?;
    Some(PrimitiveDateTime::new(date, time))
}

/// As in `Last-Modified`.
pub(super) fn http_date(moment: Timestamp) -> String {
    offset(moment).format(HTTP_DATE).unwrap_or_default()
}

/// For s3s, which formats it by where it stands.
pub(super) fn dto(moment: Timestamp) -> s3s::dto::Timestamp {
    offset(moment).into()
}

/// Moments past the year 9999 cannot be written; none is stored.
fn offset(moment: Timestamp) -> OffsetDateTime {
    let since = time::Duration::try_from(Duration::from_millis(moment.as_millis())).unwrap_or_default();
    OffsetDateTime::UNIX_EPOCH.checked_add(since).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-22T05:50:05.123Z`. By hand, since a page of a listing has a thousand.
pub(super) fn iso8601(moment: Timestamp) -> [u8; 24] {
    let millis = moment.as_millis();
    let (year, month, day) = date_of(millis / 86_400_000);
    let second = millis / 1000 % 86_400;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    put_digits(&mut text[0..4], year);
    put_digits(&mut text[5..7], month);
    put_digits(&mut text[8..10], day);
    put_digits(&mut text[11..13], second / 3600);
    put_digits(&mut text[14..16], second / 60 % 60);
    put_digits(&mut text[17..19], second % 60);
    put_digits(&mut text[20..23], millis % 1000);
    text
}

fn put_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b"0123456789"[(number % 10) as usize];
        number /= 10;
    }
}

/// Year, month and day of a day since 1970: H. Hinnant's `civil_from_days`, for days that are not negative.
fn date_of(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<u64>) {
        assert_eq!(parse_http_date(text).map(Timestamp::as_secs), seconds, "{text}");
    }

    #[test]
    fn http_dates_in_three_forms() {
        check("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777));
        check("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777));
        check("Sun Nov  6 08:49:37 1994", Some(784_111_777));
        check("Thu, 01 Jan 1960 00:00:00 GMT", Some(0));
        check("Sun, 31 Feb 1994 08:49:37 GMT", None);
        check("Sun, 06 Nov 1994 08:49:37 +0100", None);
        check("yesterday", None);
        check("", None);
    }

    #[test]
    fn http_dates_are_written_as_they_are_read() {
        assert_eq!(http_date(Timestamp::from_millis(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    proptest! {
        #[test]
        fn iso8601_is_what_the_time_crate_writes(millis in 0u64..253_402_300_800_000) {
            let format = format_description!(
                "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
            );
            let moment = Timestamp::from_millis(millis);
            let expected = offset(moment).format(format)?;
            let written = String::from_utf8(iso8601(moment).to_vec())?;
            prop_assert_eq!(written, expected);
        }

        #[test]
        fn no_text_makes_the_date_parser_panic(text in ".{0,60}") {
            let _ = parse_http_date(&text);
        }
    }
}
