//! Which ids clients may give to what they hand in.

/// Ids go into paths and logs as they are.
pub(crate) fn is_id(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=128).contains(&id.len()) && id.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn ids_are_plain() {
        for good in ["1", "job-1", "a.b:c_D", &"x".repeat(128)] {
            assert!(is_id(good), "{good}");
        }
        for bad in ["", "a b", "a/b", "\u{e9}", "a\n", &"x".repeat(129)] {
            assert!(!is_id(bad), "{bad}");
        }
    }
}
