//! How a lease is named in logs: enough of its token to tell it from others, too little to use it.

/// The first half of a token, in hexadecimal digits.
pub(crate) fn mark(token: u64) -> String {
    format!("{:08x}", token >> 32)
}

#[cfg(test)]
mod tests {
    #[test]
    fn half_of_a_token_is_shown() {
        assert_eq!(super::mark(0x0123_4567_89ab_cdef), "01234567");
    }
}
