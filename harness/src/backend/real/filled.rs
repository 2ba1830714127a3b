//! Whom to blame for the writes that a full disk refuses.

/// The faults that have filled a disk and have not ended, in the order in which they began.
#[derive(Debug, Default)]
pub(in crate::backend) struct Filled(Vec<(u16, u64)>);

impl Filled {
    /// A fault has filled the disk, when so many writes had been refused.
    pub(in crate::backend) fn begin(&mut self, fault: u16, refused: u64) {
        self.0.push((fault, refused));
    }

    /// Is a fault one of them?
    pub(in crate::backend) fn has(&self, fault: u16) -> bool {
        self.0.iter().any(|(filled, _)| *filled == fault)
    }

    /// Is a fault the only one of them?
    pub(in crate::backend) fn is_only(&self, fault: u16) -> bool {
        self.0.len() == 1 && self.has(fault)
    }

    /// A fault has ended, when so many writes had been refused: how many are its own? Of several faults the
    /// first is to blame.
    pub(in crate::backend) fn end(&mut self, fault: u16, refused: u64) -> u64 {
        let Some(at) = self.0.iter().position(|(filled, _)| *filled == fault) else { return 0 };
        let (_, before) = self.0.remove(at);
        if at > 0 {
            return 0;
        }
        if let Some(next) = self.0.first_mut() {
            next.1 = refused;
        }
        refused.saturating_sub(before)
    }
}

#[cfg(test)]
mod tests {
    use super::Filled;

    #[test]
    fn of_several_faults_the_first_is_to_blame() {
        let mut filled = Filled::default();
        filled.begin(0, 10);
        filled.begin(1, 12);
        assert!(filled.has(0) && filled.has(1) && !filled.is_only(0));
        assert_eq!(filled.end(0, 15), 5);
        assert!(filled.is_only(1));
        assert_eq!(filled.end(1, 18), 3, "from where the first one ended");
        assert_eq!(filled.end(1, 20), 0, "it was over");
        filled.begin(2, 20);
        filled.begin(3, 20);
        assert_eq!(filled.end(3, 25), 0, "the first one still acts");
        assert_eq!(filled.end(2, 26), 6);
    }
}
