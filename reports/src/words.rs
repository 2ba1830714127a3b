//! Quantities in words, the same in every report: `412 ms`, `12,345`, `99.95 %`.

/// More places than a number has whose neighbours can be told apart.
const PLACES_MAX: usize = 17;

/// The places of a value of a gauge that nothing is close to.
const QUANTITY_PLACES: usize = 6;

/// The places of a time that nothing is close to.
const TIME_PLACES: usize = 3;

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

/// A [`Duration`](std::time::Duration) as [`time_exact`] shows it: it is what a person wrote.
#[must_use]
pub fn duration(duration: std::time::Duration) -> String {
    time_exact(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
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
    decimal(value, QUANTITY_PLACES)
}

/// An observed value of a gauge as [`quantity`] shows it, with as many places as tell it from its
/// `bound`.
#[must_use]
pub fn quantity_apart(observed: f64, bound: f64) -> String {
    let shown = quantity(observed);
    let is_told = observed == bound || shown != quantity(bound);
    if is_told { shown } else { apart(observed, bound, QUANTITY_PLACES) }
}

/// A number of things: `1 sample`, `2 samples`.
#[must_use]
pub fn counted(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", count(number))
}

/// How much a fault affected, by what it counts, which is in the plural: `2 packets delayed`, and of
/// one `1 packet delayed`.
#[must_use]
pub fn affected(number: u64, counts: &str) -> String {
    if number != 1 {
        return format!("{} {counts}", count(number));
    }
    // What the things are of, and what was done to them, stands after them and has no plural.
    let mut is_thing = true;
    let words = counts.split(' ').map(|word| {
        is_thing = word == "or" || (is_thing && word != "of");
        match word.strip_suffix("es").filter(|stem| stem.ends_with("ss")) {
            Some(stem) if is_thing => stem,
            None if is_thing => word.strip_suffix('s').unwrap_or(word),
            _ => word,
        }
    });
    let words: Vec<&str> = words.collect();
    format!("1 {}", words.join(" "))
}

/// A fraction as a percentage, to four places.
#[must_use]
pub fn percent(fraction: f64) -> String {
    format!("{} %", decimal(fraction * 100.0, 4))
}

/// A fraction as a percentage with as many places as it has: what a person wrote as a bound is
/// shown as it was written.
#[must_use]
pub fn percent_exact(fraction: f64) -> String {
    format!("{} %", exact(fraction * 100.0, 4))
}

/// An observed fraction as a percentage, with as many places as tell it from its `bound`, as
/// [`percent_exact`] shows that.
#[must_use]
pub fn percent_apart(observed: f64, bound: f64) -> String {
    format!("{} %", apart(observed * 100.0, bound * 100.0, 4))
}

/// An observed number with at least `places` places, and as many as tell it from its `bound`, as
/// [`exact`] shows that.
#[must_use]
pub fn apart(observed: f64, bound: f64, places: usize) -> String {
    let written = exact(bound, places);
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
    let tells =
        |text: &String| number(text).partial_cmp(&number(&written)) == observed.partial_cmp(&bound);
    let mut texts = (places..=PLACES_MAX).map(|places| decimal(observed, places));
    // What no number of places tells apart is the bound, but for the rounding of its last bit.
    if observed == bound { written } else { texts.find(tells).unwrap_or(written) }
}

/// A number with at least `places` places, and as many as it was written with.
#[must_use]
pub fn exact(value: f64, places: usize) -> String {
    let is_exact = |text: &String| {
        let shown = text.parse::<f64>().unwrap_or(f64::NAN);
        (shown - value).abs() <= value.abs() * f64::EPSILON * 4.0
    };
    let mut texts = (places..=PLACES_MAX).map(|places| decimal(value, places));
    texts.find(is_exact).unwrap_or_else(|| decimal(value, PLACES_MAX))
}

/// An observed time as [`time`] shows it, with as many places as tell it from its `bound`, as
/// [`time_exact`] shows that.
#[must_use]
pub fn time_apart(observed: u64, bound: u64) -> String {
    let (unit, name, places_max) = unit_of(observed);
    for places in TIME_PLACES..=places_max {
        // The time that the text says, rounded as the text is.
        let step = 10_u128.pow(u32::try_from(places_max - places).unwrap_or(0));
        let said = (u128::from(observed) + step / 2) / step * step;
        if said.cmp(&u128::from(bound)) == observed.cmp(&bound) {
            return format!("{} {name}", fixed(observed, unit, places));
        }
    }
    time_exact(observed)
}

/// A time in nanoseconds, in the largest unit that it fills, to the nanosecond.
#[must_use]
pub fn time_exact(nanos: u64) -> String {
    let (unit, name, places) = unit_of(nanos);
    format!("{} {name}", fixed(nanos, unit, places))
}

/// The largest unit that a time fills, its name, and the places that a nanosecond is in.
fn unit_of(nanos: u64) -> (u64, &'static str, usize) {
    match nanos {
        0..1_000 => (1, "ns", 0),
        1_000..1_000_000 => (1_000, "us", 3),
        1_000_000..1_000_000_000 => (1_000_000, "ms", 6),
        _ => (1_000_000_000, "s", 9),
    }
}

/// `nanos` in units of `unit`, rounded to `places` places, in integers.
fn fixed(nanos: u64, unit: u64, places: usize) -> String {
    let digits = unit.ilog10() as usize;
    let step = 10_u128.pow(u32::try_from(digits.saturating_sub(places)).unwrap_or(0));
    let rounded = (u128::from(nanos) + step / 2) / step * step;
    let (whole, rest) = (rounded / u128::from(unit), rounded % u128::from(unit));
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:0digits$}").trim_end_matches('0').to_owned()
}

/// How far something is from its bound, to a tenth of a percent. What is off the bound is never
/// shown to be on it.
#[must_use]
pub fn margin(fraction: f64) -> String {
    format!("{} %", apart(fraction * 100.0, 0.0, 1))
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
    use super::{
        affected, apart, count, counted, decimal, exact, margin, percent, percent_apart,
        percent_exact, quantity, quantity_apart, time, time_apart, time_exact,
    };

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

    #[test]
    fn one_of_what_a_fault_counts_is_in_the_singular() {
        for (counts, one) in [
            ("packets delayed", "1 packet delayed"),
            ("processes killed", "1 process killed"),
            ("closes delayed", "1 close delayed"),
            ("packets dropped or connections reset", "1 packet dropped or connection reset"),
            ("pieces of work slowed", "1 piece of work slowed"),
            ("wrong readings of clocks", "1 wrong reading of clocks"),
            ("wake-ups held back", "1 wake-up held back"),
        ] {
            assert_eq!(affected(1, counts), one);
            assert_eq!(affected(1_234, counts), format!("1,234 {counts}"));
            assert_eq!(affected(0, counts), format!("0 {counts}"));
        }
    }

    #[test]
    fn a_bound_is_shown_as_it_was_written() {
        for (bound, expected) in [
            (0.999, "99.9 %"),
            (1.0, "100 %"),
            (0.999_999_9, "99.99999 %"),
            (0.07, "7 %"),
            (0.000_000_1, "0.00001 %"),
            (0.0, "0 %"),
        ] {
            assert_eq!(percent_exact(bound), expected);
        }
        assert_eq!(exact(14.4, 3), "14.4");
        assert_eq!(time_exact(200_000_001), "200.000001 ms");
        assert_eq!(time_exact(1_500), "1.5 us");
        assert_eq!(time_exact(7), "7 ns");
        assert_eq!(time_exact(u64::MAX), "18446744073.709551615 s");
    }

    #[test]
    fn what_is_not_its_bound_is_not_shown_as_its_bound() {
        assert_eq!(percent_apart(9_999_999.0 / 10_000_000.0, 1.0), "99.99999 %");
        assert_eq!(percent_apart(0.681_818_18, 0.999), "68.1818 %");
        assert_eq!(percent_apart(0.998_999_999, 0.999), "99.8999999 %");
        assert_eq!(percent_apart(0.999, 0.999), "99.9 %");
        assert_eq!(time_apart(200_000_001, 200_000_000), "200.000001 ms");
        assert_eq!(time_apart(199_999_999, 200_000_000), "199.999999 ms");
        assert_eq!(time_apart(999_999_999, 1_000_000_000), "999.999999 ms");
        assert_eq!(time_apart(200_037_400, 200_000_000), "200.037 ms");
        assert_eq!(time_apart(200_000_000, 200_000_000), "200 ms");
        assert_eq!(apart(2.000_000_1, 2.0, 3), "2.0000001");
        assert_eq!(quantity_apart(0.490_000_01, 0.49), "0.49000001");
        assert_eq!(quantity_apart(0.49, 0.49), "0.49");
        assert_eq!(margin(-0.000_000_5), "-0.00005 %");
        assert_eq!(margin(0.0), "0 %");
    }

    /// The number in front of a unit.
    fn number(text: &str) -> f64 {
        text.split(' ').next().and_then(|text| text.parse().ok()).expect("a number")
    }

    /// The nanoseconds that a text says.
    fn nanos(text: &str) -> u64 {
        let unit = match text.rsplit(' ').next() {
            Some("s") => 1e9,
            Some("ms") => 1e6,
            Some("us") => 1e3,
            _ => 1.0,
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time of some seconds"
        )]
        let nanos = (number(text) * unit).round() as u64;
        nanos
    }

    proptest::proptest! {
        /// Who reads the two texts finds them in the order that the values are in.
        #[test]
        fn an_observed_share_is_on_its_side_of_the_bound(
            whole in 1..5_000_000_u64, missing in 0..3_u64, nines in 0..9_i32,
        ) {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let share = whole.saturating_sub(missing) as f64 / whole as f64;
            let bound = 1.0 - 10_f64.powi(-nines);
            let (shown, written) = (percent_apart(share, bound), percent_exact(bound));
            let close = (share - bound).abs() < 1e-14;
            let order = number(&shown).total_cmp(&number(&written));
            assert!(close || order == share.total_cmp(&bound), "{shown} and {written}");
        }

        #[test]
        fn an_observed_time_is_on_its_side_of_the_bound(
            bound in 1..20_000_000_000_u64, off in -3_000_i64..3_000,
        ) {
            let observed = bound.saturating_add_signed(off);
            let (shown, written) = (time_apart(observed, bound), time_exact(bound));
            assert_eq!(nanos(&shown).cmp(&nanos(&written)), observed.cmp(&bound), "{shown}, {written}");
        }
    }
}
