//! What a program needs to run: its loader, and the libraries that this loader finds for it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

/// The first bytes of a file in the format of 64-bit machines that begin numbers with their low byte:
/// `elf(5)`.
const MAGIC: &[u8] = b"\x7fELF\x02\x01";

/// The kind of the part that names the loader.
const PT_INTERP: u64 = 3;

/// The libraries of a program and their loader, as its loader finds them on this machine; none for one
/// that is linked statically.
///
/// # Errors
///
/// When it is no program of this machine, or a library is not there, in a sentence.
pub(super) fn libraries(program: &Path, content: &[u8]) -> Result<BTreeSet<PathBuf>, String> {
    let named = program.display();
    if !content.starts_with(MAGIC) {
        return Err(format!("expected a program in the format ELF, for 64 bits, found {named}"));
    }
    let Some(loader) = loader(content) else { return Ok(BTreeSet::new()) };
    let path = program.canonicalize().map_err(|error| format!("cannot find {named}: {error}"))?;
    let listed = Command::new(loader).arg("--list").arg(path).output();
    let listed = listed.map_err(|error| format!("{loader}, the loader of {named}: {error}"))?;
    let (out, err) =
        (String::from_utf8_lossy(&listed.stdout), String::from_utf8_lossy(&listed.stderr));
    if !listed.status.success() || out.contains("not found") {
        return Err(format!(
            "{loader} does not find all libraries of {named}: {}{}",
            out.trim(),
            err.trim()
        ));
    }
    let mut libraries: BTreeSet<PathBuf> = out.lines().filter_map(path_in).collect();
    libraries.insert(PathBuf::from(loader));
    Ok(libraries)
}

/// The path in a line of a loader: `libc.so.6 => /lib/libc.so.6 (0x7f00)`, or only the path and the number.
/// What the kernel gives to each process has no path.
fn path_in(line: &str) -> Option<PathBuf> {
    let found = line.split_once("=>").map_or(line, |(_, found)| found).trim();
    let path = found.rsplit_once(" (").map_or(found, |(path, _)| path);
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The loader that a program names.
fn loader(content: &[u8]) -> Option<&str> {
    let (table, size) = (number(content, 32, 8)?, number(content, 54, 2)?);
    let count = number(content, 56, 2)?;
    let part = (0..count)
        .map(|part| table.checked_add(part.checked_mul(size)?))
        .find(|at| at.is_some_and(|at| number(content, at, 4) == Some(PT_INTERP)))??;
    let (from, length) = (number(content, part + 8, 8)?, number(content, part + 32, 8)?);
    let (from, length) = (usize::try_from(from).ok()?, usize::try_from(length).ok()?);
    let path = content.get(from..from.checked_add(length)?)?;
    std::str::from_utf8(path.strip_suffix(b"\0")?).ok()
}

/// A number of so many bytes at this place.
fn number(content: &[u8], at: u64, bytes: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = content.get(at..at.checked_add(bytes)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{MAGIC, libraries, loader, path_in};

    #[test]
    fn this_program_needs_what_it_has_loaded() {
        let program = std::env::current_exe().expect("it runs");
        let content = fs::read(&program).expect("it can be read");
        let needed = libraries(&program, &content).expect("it runs, so all are there");
        let loaded = fs::read_to_string("/proc/self/maps").expect("Linux has it");
        for library in &needed {
            let real = library.canonicalize().expect("it is there");
            assert!(loaded.contains(&*real.to_string_lossy()), "{}", library.display());
        }
        assert!(needed.iter().any(|it| it.to_string_lossy().contains("libc.so")), "{needed:?}");
    }

    #[test]
    fn what_is_no_program_is_refused_and_read_within_its_bounds() {
        let refused = libraries(Path::new("/etc/passwd"), b"root").expect_err("it is text");
        assert!(refused.contains("/etc/passwd"), "{refused}");
        let program = std::env::current_exe().expect("it runs");
        let content = fs::read(program).expect("it can be read");
        for length in 0..4_096 {
            let _ = loader(&content[..length]);
        }
        // All numbers as large as can be.
        let mut large = MAGIC.to_vec();
        large.resize(200, 0xff);
        assert_eq!(loader(&large), None);
    }

    #[test]
    fn a_line_of_the_loader_has_a_path_or_none() {
        let path = |line| path_in(line).map(|path| path.display().to_string());
        assert_eq!(
            path("\tlibc.so.6 => /lib/x/libc.so.6 (0x00007f)").as_deref(),
            Some("/lib/x/libc.so.6")
        );
        assert_eq!(
            path("\t/lib64/ld-linux-x86-64.so.2 (0x7f)").as_deref(),
            Some("/lib64/ld-linux-x86-64.so.2")
        );
        assert_eq!(path("\tlinux-vdso.so.1 (0x00007ffd)"), None);
        assert_eq!(path("\tstatically linked"), None);
    }
}
