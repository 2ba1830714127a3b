//! What a TCP segment says, read from the head of its packet.

use std::fmt;

/// A TCP segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) from_port: u16,
    pub(crate) to_port: u16,
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: Flags,
    /// As it stands in the header, unscaled.
    pub(crate) window: u16,
    /// Bytes of payload.
    pub(crate) length: u32,
    pub(crate) options: Options,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

/// The options that say something about loss and windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mss: Option<u16>,
    pub(crate) window_scale: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: bool,
    /// What arrived beyond the acknowledgement: first and one past the last byte.
    pub(crate) sack: Vec<(u32, u32)>,
}

impl Flags {
    pub(crate) fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [(0x02, 'S'), (0x10, 'A'), (0x08, 'P'), (0x01, 'F'), (0x04, 'R')];
        let set = names.iter().filter(|(bit, _)| self.0 & bit != 0);
        f.pad(&set.map(|(_, name)| name).collect::<String>())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Segment {
    /// Reads the head of an IPv4 packet; `None` if it is no TCP.
    pub(crate) fn read(head: &[u8]) -> Option<Self> {
        const TCP: u8 = 6;
        let first = *head.first()?;
        if first >> 4 != 4 || *head.get(9)? != TCP {
            return None;
        }
        let ip_length = usize::from(first & 15) * 4;
        let tcp = head.get(ip_length..)?;
        let tcp_length = usize::from(*tcp.get(12)? >> 4) * 4;
        let total = usize::from(u16_at(head, 2)?);
        Some(Self {
            from_port: u16_at(tcp, 0)?,
            to_port: u16_at(tcp, 2)?,
            seq: u32_at(tcp, 4)?,
            ack: u32_at(tcp, 8)?,
            flags: Flags(*tcp.get(13)?),
            window: u16_at(tcp, 14)?,
            length: u32::try_from(total.checked_sub(ip_length + tcp_length)?).ok()?,
            options: Options::read(tcp.get(20..tcp_length)?),
        })
    }
}

impl Options {
    fn read(mut bytes: &[u8]) -> Self {
        let mut found = Self::default();
        while let Some(kind) = bytes.first() {
            // The end of the list, and the filler, are single bytes.
            let length = match kind {
                0 => break,
                1 => 1,
                _ => bytes.get(1).map_or(0, |length| usize::from(*length)),
            };
            let Some(option) = bytes.get(..length).filter(|option| !option.is_empty()) else {
                break;
            };
            match kind {
                2 => found.mss = u16_at(option, 2),
                3 => found.window_scale = option.get(2).copied(),
                4 => found.sack_permitted = true,
                5 => {
                    let blocks = (2..length).step_by(8);
                    found.sack.extend(
                        blocks
                            .filter_map(|at| Some((u32_at(option, at)?, u32_at(option, at + 4)?))),
                    );
                }
                8 => found.timestamps = true,
                _ => {}
            }
            bytes = &bytes[length..];
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of IPv4 with this total length, and one of TCP with these options.
    fn packet(total: u16, options: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 20];
        bytes[0] = 0x45;
        bytes[2..4].copy_from_slice(&total.to_be_bytes());
        bytes[9] = 6;
        bytes.extend([0x1f, 0x90, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2]);
        let words = u8::try_from(5 + options.len() / 4).expect("few options");
        bytes.extend([words << 4, 0x12, 0x01, 0x00, 0, 0, 0, 0]);
        bytes.extend(options);
        bytes
    }

    #[test]
    fn a_segment_says_what_its_header_says() {
        let found = Segment::read(&packet(140, &[])).expect("TCP");
        assert_eq!((found.from_port, found.to_port), (8080, 7));
        assert_eq!((found.seq, found.ack, found.window, found.length), (1, 2, 256, 100));
        assert_eq!(found.flags.to_string(), "SA");
    }

    #[test]
    fn options_are_read_and_fillers_passed_over() {
        let sack = [1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12];
        let found = Segment::read(&packet(52, &sack)).expect("TCP");
        assert_eq!(found.options, Options { sack: vec![(9, 12)], ..Options::default() });
        let syn = [2, 4, 5, 0xb4, 4, 2, 1, 3, 3, 7, 0, 0];
        let options = Segment::read(&packet(52, &syn)).expect("TCP").options;
        assert_eq!((options.mss, options.window_scale), (Some(1460), Some(7)));
        assert!(options.sack_permitted);
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_no_segment() {
        let whole = packet(40, &[]);
        assert_eq!(Segment::read(&whole[..30]), None);
        let mut udp = whole;
        udp[9] = 17;
        assert_eq!(Segment::read(&udp), None);
    }

    #[test]
    fn an_option_without_a_length_ends_the_list() {
        assert_eq!(Options::read(&[5, 0, 0, 0]), Options::default());
        assert_eq!(Options::read(&[8]), Options::default());
    }
}
