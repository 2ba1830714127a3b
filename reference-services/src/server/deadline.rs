//! How long an answer is of use to whoever asked: what a gRPC call says of its deadline.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// What is left for a call, as its caller said when it was sent: `grpc-timeout`, up to eight digits and
/// a unit (gRPC over HTTP/2, "Requests"). Nothing if it did not, or said it badly.
pub(crate) fn time_left(metadata: &MetadataMap) -> Option<Duration> {
    let text = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|it| it.is_ascii_digit());
    let number: u64 = plain.then(|| digits.parse().ok()).flatten()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 3_600)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: &str, expected: Option<Duration>) {
        let mut metadata = MetadataMap::new();
        metadata.insert("grpc-timeout", value.parse().expect("ascii"));
        assert_eq!(time_left(&metadata), expected, "{value}");
    }

    #[test]
    fn a_timeout_is_a_number_with_a_unit() {
        check("2H", Some(Duration::from_secs(7_200)));
        check("3M", Some(Duration::from_secs(180)));
        check("4S", Some(Duration::from_secs(4)));
        check("99999999m", Some(Duration::from_millis(99_999_999)));
        check("150000u", Some(Duration::from_millis(150)));
        check("0n", Some(Duration::ZERO));
        for bad in ["", "m", "1", "123456789m", "+1m", "1.5S", "1 m", "1x"] {
            check(bad, None);
        }
        assert_eq!(time_left(&MetadataMap::new()), None);
    }
}
