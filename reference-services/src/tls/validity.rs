//! From when until when a certificate is valid, which `rustls` checks of others and does not tell.
//!
//! The few elements before that are skipped by their lengths (X.690, 8.1; RFC 5280, 4.1).

/// Seconds since 1970, UTC. The second at which it ends is the last one (RFC 5280, 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Validity {
    pub(super) not_before: i64,
    pub(super) not_after: i64,
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, which the version of a certificate is in.
const VERSION: u8 = 0xa0;

impl Validity {
    /// Reads it from a certificate in DER.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let mut outer = certificate;
        let mut certificate = element(SEQUENCE, &mut outer)?;
        let mut signed = element(SEQUENCE, &mut certificate)?;
        if signed.first() == Some(&VERSION) {
            element(VERSION, &mut signed)?;
        }
        element(INTEGER, &mut signed)?;
        let _algorithm = element(SEQUENCE, &mut signed)?;
        let _issuer = element(SEQUENCE, &mut signed)?;
        let mut validity = element(SEQUENCE, &mut signed)?;
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        Some(Self { not_before, not_after })
    }
}

/// Takes an element with this tag off the front, and answers with what is in it.
fn element<'a>(tag: u8, input: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (&found, rest) = input.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let length = match first {
        0..=0x7f => usize::from(first),
        0x81..=0x84 => {
            let (bytes, after) = rest.split_at_checked(usize::from(first & 0x7f))?;
            rest = after;
            bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte))
        }
        _ => return None,
    };
    let (content, after) = rest.split_at_checked(length)?;
    *input = after;
    (found == tag).then_some(content)
}

/// `YYMMDDHHMMSSZ` up to 2049, `YYYYMMDDHHMMSSZ` from then on.
fn time(input: &mut &[u8]) -> Option<i64> {
    let (year, rest) = match input.first()? {
        &UTC_TIME => {
            let (year, rest) = element(UTC_TIME, input)?.split_at_checked(2)?;
            let year = number(year)?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        _ => {
            let (year, rest) = element(GENERALIZED_TIME, input)?.split_at_checked(4)?;
            (number(year)?, rest)
        }
    };
    let rest = rest.strip_suffix(b"Z").filter(|rest| rest.len() == 10)?;
    let mut pairs = rest.chunks(2).map(number);
    let mut next =
        |range: std::ops::RangeInclusive<i64>| pairs.next()?.filter(|it| range.contains(it));
    let (month, day) = (next(1..=12)?, next(1..=31)?);
    let (hours, minutes, seconds) = (next(0..=23)?, next(0..=59)?, next(0..=59)?);
    Some(((days(year, month, day) * 24 + hours) * 60 + minutes) * 60 + seconds)
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + i64::from(digit - b'0'))
    })
}

/// Days since 1970 of a date of the Gregorian calendar, with years that begin in March, so that the
/// day that some of them have more is the last one.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    // 153 days are five months from March or from August on.
    let before_month = (153 * month + 2) / 5;
    let since_year_0 = 365 * year + leap_days + before_month + day - 1;
    // From 1 March of the year 0 to 1 January 1970.
    since_year_0 - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rustls::pki_types::{CertificateDer, pem::PemObject};

    use super::*;

    fn der(pem: &[u8]) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem).expect("a certificate")
    }

    #[test]
    fn certificates_that_openssl_made_say_what_they_were_made_for() {
        // `date -u -d 2025-01-01 +%s` and the like.
        let short = der(include_bytes!("../../../fixtures/certificates/inventory-short.pem"));
        let expected = Validity { not_before: 1_735_689_600, not_after: 1_767_225_604 };
        assert_eq!(Validity::of(&short), Some(expected));
        // A year beyond 2049.
        let long = der(include_bytes!("../../../fixtures/certificates/inventory-later.pem"));
        let expected = Validity { not_before: 4_859_740_800, not_after: 4_891_363_200 };
        assert_eq!(Validity::of(&long), Some(expected));
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 2, 29), 11_016);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2100, 3, 1) - days(2100, 2, 28), 1, "no leap year");
        assert_eq!(days(1969, 12, 31), -1);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes: Vec<u8>, at in 0_usize..400, byte: u8) {
            Validity::of(&bytes);
            let mut broken =
                der(include_bytes!("../../../fixtures/certificates/inventory.pem")).to_vec();
            let at = at % broken.len();
            broken[at] = byte;
            Validity::of(&broken);
            Validity::of(&broken[..at]);
        }
    }
}
