//! Quantities in words, the same in every report: `412 ms`, `12,345`, `99.95 %`.

/// A time in nanoseconds, in the largest unit that it fills, to three places.
#[must_use]
pub fn time(nanos: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown to three places")]
    let value = nanos as f64;
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{} us", decimal(value / 1e3, 3)),
        1_000_000..1_000_000_000 => format!("{} ms", decimal(value / 1e6, 3)),
        _ => format!("{} s", decimal(value / 1e9, 3)),
    }
}

/// A [`Duration`](std::time::Duration) as [`time`] shows it.
#[must_use]
pub fn duration(duration: std::time::Duration) -> String {
    time(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

/// A whole number with its thousands apart.
#[must_use]
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A value of a gauge: a whole number as [`count`] shows it, another one to six places.
#[must_use]
pub fn quantity(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        let whole = count(value.abs() as u64);
        return if value < 0.0 { format!("-{whole}") } else { whole };
    }
    if value.abs() >= 1e15 || (value.abs() < 1e-6 && value.is_finite()) {
        return format!("{value:e}");
    }
    decimal(value, 6)
}

/// A number of things: `1 sample`, `2 samples`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// A fraction as a percentage, to four places.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{} %", decimal(fraction * 100.0, 4))
}

/// How far something is from its bound, to a tenth of a percent.
#[must_use]
pub fn margin(fraction: f64) -> String {
    format!("{} %", decimal(fraction * 100.0, 1))
}

/// A number with at most `places` places and no zeros at its end.
#[must_use]
pub fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        text.as_str()
    };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::{count, counted, decimal, margin, percent, quantity, time};

    #[test]
    fn times() {
        for (nanos, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_500, "1.5 us"),
            (412_000_000, "412 ms"),
            (412_037_400, "412.037 ms"),
            (1_250_000_000, "1.25 s"),
            (60_000_000_000, "60 s"),
        ] {
            assert_eq!(time(nanos), expected);
        }
    }

    #[test]
    fn counts() {
        for (number, expected) in
            [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345, "12,345"), (1_234_567, "1,234,567")]
        {
            assert_eq!(count(number), expected);
        }
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (-3.0, "-3"),
            (12_345.0, "12,345"),
            (0.49, "0.49"),
            (-0.5, "-0.5"),
            (1e-9, "1e-9"),
            (1e300, "1e300"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(quantity(value), expected);
        }
        assert_eq!(counted(1, "sample"), "1 sample");
        assert_eq!(counted(0, "sample"), "0 samples");
    }

    #[test]
    fn fractions() {
        assert_eq!(percent(0.999), "99.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(percent(0.123_456_78), "12.3457 %");
        assert_eq!(margin(-5.578_553), "-557.9 %");
        assert_eq!(margin(0.001_001), "0.1 %");
        assert_eq!(decimal(-0.000_01, 3), "0");
        assert_eq!(decimal(100.0, 0), "100");
    }
}
