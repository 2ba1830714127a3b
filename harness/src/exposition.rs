//! The text format in which services show their metrics: Prometheus' and `OpenMetrics`' alike, as
//! far as a sample is a line with a name, labels and a value.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use std::collections::BTreeMap;

/// One sample of a series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) series: Selector,
    pub(crate) value: f64,
}

/// A series: a name with its labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Selector {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
}

impl Selector {
    /// Reads `name` or `name{label="value",...}`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (series, rest) = Self::begin(text.trim())?;
        rest.is_empty().then_some(series)
    }

    /// Reads a series at the beginning of `text`, and what comes after it.
    fn begin(text: &str) -> Option<(Self, &str)> {
        let of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let (name, mut rest) = text.split_at(text.find(|c| !of_name(c)).unwrap_or(text.len()));
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut labels = BTreeMap::new();
        if let Some(inside) = rest.strip_prefix('{') {
            rest = inside;
            loop {
                rest = rest.trim_start_matches([',', ' ']);
                if let Some(after) = rest.strip_prefix('}') {
                    rest = after;
                    break;
                }
                let (label, after) = rest.split_once('=')?;
                let (value, after) = quoted(after.trim_start())?;
                labels.insert(label.trim().to_owned(), value);
                rest = after;
            }
        }
        Some((Self { name: name.to_owned(), labels }, rest))
    }
}

/// Reads a quoted text with its escapes, and what comes after it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inside = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut chars = inside.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &inside[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            _ => value.push(c),
        }
    }
    None
}

/// The samples of a page, in its order. A line that is none is passed over, as monitoring systems
/// cannot do but a test may: what it looks for is then not there.
pub(crate) fn samples(page: &str) -> impl Iterator<Item = Sample> {
    page.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, rest) = Selector::begin(line)?;
        let value = rest.split_ascii_whitespace().next()?;
        Some(Sample { series, value: value.parse().ok()? })
    })
}

#[cfg(test)]
mod tests {
    use super::{Selector, samples};

    #[test]
    fn a_page_is_read_line_by_line() {
        let page = "# HELP jobs Jobs.\n# TYPE jobs gauge\n\
                    jobs{state=\"queued\",host=\"a b\"} 17\n\
                    plain_total 2.5 1767225600000\n\
                    wait_seconds_bucket{le=\"+Inf\"} 9 # {trace_id=\"1\"} 0.5\n\
                    odd{quote=\"\\\"\\\\\\n\"} +Inf\n\
                    not a sample\nhalf{label=\"\n# EOF\n";
        let read: Vec<_> = samples(page).collect();
        let values: Vec<_> = read.iter().map(|sample| sample.value).collect();
        assert_eq!(values, [17.0, 2.5, 9.0, f64::INFINITY]);
        assert_eq!(
            Selector::parse("jobs{host=\"a b\", state=\"queued\"}").as_ref(),
            Some(&read[0].series)
        );
        assert_eq!(read[3].series.labels["quote"], "\"\\\n");
    }

    #[test]
    fn what_is_no_series_is_refused() {
        for text in ["", "7up", "a b", "a{", "a{b}", "a{b=c}", "a{b=\"c\"} 1", "{}"] {
            assert_eq!(Selector::parse(text), None, "{text:?}");
        }
    }
}
