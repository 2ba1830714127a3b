//! The symbols and the first contents of a program, as its file has them.

use std::ops::Range;

/// A program for 64 bits in the format ELF, as `elf(5)` has it.
pub(super) struct Program<'f> {
    pub(super) file: &'f [u8],
}

impl<'f> Program<'f> {
    fn number(&self, at: usize, bytes: usize) -> Option<usize> {
        let part = self.file.get(at..at.checked_add(bytes)?)?;
        let mut number = [0; 8];
        number[..bytes].copy_from_slice(part);
        usize::try_from(u64::from_le_bytes(number)).ok()
    }

    /// Calls `each` with the name, address and size of each symbol.
    pub(super) fn each_symbol(&self, mut each: impl FnMut(&str, usize, usize)) -> Option<()> {
        const SYMBOLS: usize = 2;
        let (sections, size, count) =
            (self.number(0x28, 8)?, self.number(0x3a, 2)?, self.number(0x3c, 2)?);
        let section = |index: usize| sections.checked_add(index.checked_mul(size)?);
        for index in 0..count {
            let header = section(index)?;
            if self.number(header + 4, 4)? != SYMBOLS {
                continue;
            }
            let (from, length) = (self.number(header + 0x18, 8)?, self.number(header + 0x20, 8)?);
            let names = section(self.number(header + 0x28, 4)?)?;
            let names = self.number(names + 0x18, 8)?;
            for at in (from..from.checked_add(length)?).step_by(24) {
                let name = names.checked_add(self.number(at, 4)?)?;
                let (value, size) = (self.number(at + 8, 8)?, self.number(at + 16, 8)?);
                let name = self.file.get(name..)?;
                let end = name.iter().position(|byte| *byte == 0)?;
                each(std::str::from_utf8(&name[..end]).unwrap_or_default(), value, size);
            }
        }
        Some(())
    }

    /// What is at these addresses when the program is loaded.
    pub(super) fn contents(&self, addresses: Range<usize>) -> Option<Vec<u8>> {
        const LOADED: usize = 1;
        let (headers, size, count) =
            (self.number(0x20, 8)?, self.number(0x36, 2)?, self.number(0x38, 2)?);
        for index in 0..count {
            let header = headers + index * size;
            let (offset, address) = (self.number(header + 8, 8)?, self.number(header + 16, 8)?);
            let (in_file, in_memory) =
                (self.number(header + 0x20, 8)?, self.number(header + 0x28, 8)?);
            let is_here = self.number(header, 4)? == LOADED
                && address <= addresses.start
                && addresses.end <= address + in_memory;
            if is_here {
                // What is behind the end of the file's part is zero.
                let byte = |at: usize| {
                    let place = at - address;
                    if place < in_file { self.number(offset + place, 1) } else { Some(0) }
                };
                return addresses.map(|at| u8::try_from(byte(at)?).ok()).collect();
            }
        }
        None
    }
}
