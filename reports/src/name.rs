//! Names that become names of files: those of scenarios and of defects.
//!
//! A record is `NAME-SEED.jsonl`, a golden `NAME.snap`. So a name must be the name of one file, in
//! the folder that is meant and on every file system, and two names must be those of two files.

/// The longest name, in bytes. With a seed, a defect and an ending it is within the 255 bytes that
/// file systems have for a name.
pub const BYTES_MAX: usize = 100;

/// What Windows takes for a device, with any ending.
/// <https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file>
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Why a name is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a name of 1 to {BYTES_MAX} lower-case letters (a to z), digits, - and _ that begins \
     with a letter or a digit and is not a device of Windows, found {found:?}"
)]
pub struct BadName {
    found: String,
}

/// Checks that a file can be called `name` after what comes before its seed or its ending.
///
/// Letters are lower-case, since there are file systems to which `A` and `a` are one name.
///
/// # Errors
///
/// Names the rule, and what was found.
pub fn check(name: &str) -> Result<(), BadName> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let begins = name.bytes().next().is_some_and(is_plain);
    let is_within = name.len() <= BYTES_MAX && !is_device(name);
    if begins && is_within && name.bytes().all(|b| is_plain(b) || b == b'-' || b == b'_') {
        return Ok(());
    }
    let found = match name.char_indices().nth(BYTES_MAX) {
        Some((end, _)) => format!("{}...", &name[..end]),
        None => name.to_owned(),
    };
    Err(BadName { found })
}

fn is_device(name: &str) -> bool {
    let port = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
    let is_port = port.is_some_and(|it| it.len() == 1 && it.bytes().all(|b| b.is_ascii_digit()));
    is_port || DEVICES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::{BYTES_MAX, check};

    #[test]
    fn names_of_files() {
        let longest = "x".repeat(BYTES_MAX);
        for good in ["a", "reviews-hung", "3-of-5", "retry_storm", "console", "com10", &longest] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = "x".repeat(BYTES_MAX + 1);
        for bad in [
            "", ".", "..", "../up", "a/b", "/a", "a\\b", "a.b", "-a", "_a", "A", "ä", "a b", "a\n",
            "a:b", "a*", "a?", "a\"", "a<", "a|", "a\0", "con", "nul", "com1", "lpt9", &long,
        ] {
            let error = check(bad).expect_err(bad).to_string();
            assert!(error.starts_with("expected a name of 1 to 100 lower-case letters"), "{error}");
            assert!(error.len() < 400, "{error}");
        }
    }
}
