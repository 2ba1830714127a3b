//! Regular files, and text that people keep in them.
//!
//! A pipe or a device that lies where a file is looked for would be waited for, or read, without an
//! end. And what people keep passes through editors and version control, which change how lines end.

use std::{
    fs::{self, File, FileType},
    io,
    os::unix::fs::FileTypeExt,
    path::Path,
};

/// Opens a regular file to be read, or what a link to one leads to.
///
/// # Errors
///
/// When there is none, it cannot be read, or it is something else than a file.
pub fn open(path: &Path) -> io::Result<File> {
    // Looked at before it is opened: to open a pipe is to wait for who writes into it.
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() {
        let sentence = format!("expected a regular file, found {}", name_of(kind));
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    File::open(path)
}

/// The text in a regular file: without the mark of its byte order, with lines that end in `\n`.
///
/// # Errors
///
/// As [`open`], and when it is not text in UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    let text = io::read_to_string(open(path)?)?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n"))
}

fn name_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io, path::Path};

    use super::{open, read_text};

    #[test]
    fn what_is_not_a_file_is_said() {
        for (path, what) in [("/", "a folder"), ("/dev/zero", "a device")] {
            let error = open(Path::new(path)).expect_err(path).to_string();
            assert_eq!(error, format!("expected a regular file, found {what}"));
        }
        let missing = open(Path::new("/nowhere/at/all")).expect_err("nothing is there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn text_is_the_same_whatever_its_lines_end_in() {
        let path = std::env::temp_dir().join(format!("squall-regular-{}", std::process::id()));
        for kept in ["a\nb\n", "a\r\nb\r\n", "\u{feff}a\r\nb\n"] {
            fs::write(&path, kept).expect("the folder can be written to");
            assert_eq!(read_text(&path).expect("text"), "a\nb\n");
        }
        fs::write(&path, [0xff, 0xfe, 0x31, 0]).expect("the folder can be written to");
        assert!(read_text(&path).is_err(), "not UTF-8");
        fs::remove_file(&path).expect("it is there");
    }
}
