//! The fields of a log event or span: `name=value` apart by spaces.

/// The value of a field.
pub(super) fn value<'a>(fields: &'a str, name: &str) -> Option<&'a str> {
    fields.split(' ').find_map(|field| {
        let (found, value) = field.split_once('=')?;
        (found == name).then_some(value.trim_matches('"'))
    })
}

/// The first field that is none of these: what an event is about.
pub(super) fn subject<'a>(fields: &'a str, others: &[&str]) -> Option<&'a str> {
    fields.split(' ').find_map(|field| {
        let (found, value) = field.split_once('=')?;
        (!others.contains(&found)).then_some(value.trim_matches('"'))
    })
}
