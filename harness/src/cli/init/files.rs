//! The files of the new crate: those of `docs/first-crate`, with another name and another source
//! of squall.

use super::source::Source;

/// A file of `docs/first-crate`: its path, and its text.
macro_rules! file {
    ($path:literal) => {
        ($path, include_str!(concat!("../../../../docs/first-crate/", $path)))
    };
}

const MANIFEST: (&str, &str) = file!("Cargo.toml");

/// The others. The manifest comes last of all: without it a folder is no crate.
const FILES: [(&str, &str); 13] = [
    file!(".cargo/config.toml"),
    file!(".gitignore"),
    file!("README.md"),
    file!("fixtures/goldens/backend-hung.snap"),
    file!("src/backend.rs"),
    file!("src/frontend.rs"),
    file!("src/lib.rs"),
    file!("src/main.rs"),
    file!("src/preset.rs"),
    file!("src/scenarios/backend_hung.rs"),
    file!("src/scenarios/mod.rs"),
    file!("src/scenarios/new.txt"),
    file!("tests/catalogue.rs"),
];

/// The versions that Squall is tested with, and that the golden was made with. Cargo takes out what
/// the crate does not need.
const LOCK: (&str, &str) = ("Cargo.lock", include_str!("../../../../Cargo.lock"));

/// What the crate in `docs` is called, and how it gets squall.
const NAME: &str = "first-crate";
const LIBRARY: &str = "first_crate";
const DEPENDENCY: &str = "{ path = \"../../harness\" }";

/// The files of a crate with this name: paths in its folder, and texts.
pub(super) fn filled_in(
    name: &str,
    source: &Source,
) -> impl Iterator<Item = (&'static str, String)> {
    let (library, dependency) = (name.replace('-', "_"), source.dependency());
    let name = name.to_owned();
    let filled_in = move |(path, text): (&'static str, &str)| {
        let text = text.replace(NAME, &name).replace(LIBRARY, &library);
        (path, text.replace(DEPENDENCY, &dependency))
    };
    let lock = std::iter::once((LOCK.0, LOCK.1.to_owned()));
    lock.chain(FILES.into_iter().chain([MANIFEST]).map(filled_in))
}

/// The names of what the crate depends on.
pub(super) fn dependencies() -> impl Iterator<Item = &'static str> {
    let lines = MANIFEST.1.lines().skip_while(|line| *line != "[dependencies]").skip(1);
    lines.take_while(|line| !line.is_empty()).filter_map(|line| Some(line.split_once(" =")?.0))
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{DEPENDENCY, FILES, LIBRARY, MANIFEST, NAME, dependencies, filled_in};
    use crate::cli::init::source::Source;

    #[test]
    fn every_file_of_the_first_crate_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/first-crate");
        let (mut found, mut folders) = (Vec::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                let inner = path.strip_prefix(&root).expect("it is below").to_owned();
                // What a build in that folder leaves behind.
                if inner.starts_with("target") || inner == Path::new("Cargo.lock") {
                    continue;
                }
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.push(inner.to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        let mut written: Vec<_> = FILES.iter().chain([&MANIFEST]).map(|file| file.0).collect();
        written.sort_unstable();
        assert_eq!(found, written);
    }

    #[test]
    fn a_crate_has_its_own_name_and_source() {
        assert_eq!(MANIFEST.1.matches(DEPENDENCY).count(), 1);
        let source = Source::Git("https://example.org/squall.git".to_owned());
        let files: Vec<_> = filled_in("chaos-of-ours", &source).collect();
        assert_eq!(files.last().map(|file| file.0), Some("Cargo.toml"));
        for (path, text) in &files {
            assert!(!text.contains(NAME) && !text.contains(LIBRARY), "{path}");
        }
        let text = |path: &str| &files.iter().find(|file| file.0 == path).expect(path).1;
        let manifest = text("Cargo.toml");
        assert!(manifest.contains("name = \"chaos-of-ours\"\n"), "{manifest}");
        let line = "squall = { git = \"https://example.org/squall.git\" }\n";
        assert!(manifest.contains(line), "{manifest}");
        assert!(text("src/main.rs").contains("&chaos_of_ours::catalogue()"));
    }

    #[test]
    fn the_dependencies_are_those_of_the_manifest() {
        let names: Vec<_> = dependencies().collect();
        assert!(names.contains(&"axum") && names.contains(&"squall"), "{names:?}");
        assert!(names.iter().all(|name| !name.contains(' ')), "{names:?}");
    }
}
