//! An input taken apart from its beginning: numbers and pieces, and then nothing but zeros.

/// The bytes of an input that have not been used yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Input<'a> {
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Is there something left?
    pub(crate) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.take(1).first().copied().unwrap_or(0)
    }

    /// A number from 0 up to, but without, `end`; 0 if there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let bytes = self.take(2);
        let drawn = bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        drawn.checked_rem(end).unwrap_or(0)
    }

    /// The next bytes, at most so many.
    pub(crate) fn take(&mut self, most: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at(most.min(self.rest.len()));
        self.rest = rest;
        taken
    }

    /// A piece that says how long it is, in its first byte.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let length = self.byte();
        self.take(usize::from(length))
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }
}
