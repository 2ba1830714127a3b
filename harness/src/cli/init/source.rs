//! Where a new crate has squall from: a checkout of its repository, or a git repository. It is not
//! published anywhere else.

use std::{
    fmt,
    path::{Component, Path, PathBuf},
};

use squall_reports::plain;

use super::Failure;

/// The folder of the package `squall` in its repository.
const PACKAGE: &str = "harness";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A checkout, as the manifest names it: absolute, or relative to the new crate.
    Checkout(String),
    /// The URL of a git repository, in which cargo finds the package by its name.
    Git(String),
}

impl Source {
    /// What was asked for, or the checkout that this program was built from.
    ///
    /// A relative path stays relative, so that the crate and the checkout can move together; an
    /// absolute one stays absolute, so that the crate can move alone. If none is given, it is
    /// relative for a crate inside of the checkout.
    pub(super) fn of(given: Option<&str>, folder: &Path) -> Result<Self, Failure> {
        let Some(given) = given else { return Self::built_from(folder) };
        if given.chars().any(char::is_control) {
            let found = plain::line(given);
            let sentence = format!("expected --squall in one line of text, found {found:?}");
            return Err(Failure::bad_input(sentence));
        }
        if given.contains("://") {
            return Ok(Self::Git(given.to_owned()));
        }
        let path = Path::new(given);
        let checkout = checkout(path).ok_or_else(|| {
            Failure::bad_input(format!(
                "expected --squall to be a checkout of Squall or the URL of a git repository, found \
                 no {PACKAGE}/Cargo.toml in {given:?}"
            ))
        })?;
        if path.is_absolute() { named(path) } else { named(&relative(folder, &checkout)) }
    }

    fn built_from(folder: &Path) -> Result<Self, Failure> {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let built_from = package.parent().unwrap_or(package);
        let why = if is_cache_of_cargo(built_from) {
            "in a cache of cargo"
        } else if let Some(checkout) = checkout(built_from) {
            let is_inside = folder.starts_with(&checkout);
            return named(&if is_inside { relative(folder, &checkout) } else { checkout });
        } else {
            "not there any more"
        };
        Err(Failure::bad_input(format!(
            "expected --squall with a checkout of Squall or the URL of a git repository: {}, which \
             this program was built from, is {why}",
            built_from.display()
        )))
    }

    /// The dependency as a manifest has it.
    pub(super) fn dependency(&self) -> String {
        match self {
            Self::Checkout(path) => {
                format!("{{ path = {} }}", in_quotes(&format!("{path}/{PACKAGE}")))
            }
            Self::Git(url) => format!("{{ git = {} }}", in_quotes(url)),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Checkout(place) | Self::Git(place)) = self;
        f.write_str(place)
    }
}

/// The canonical path of a checkout, if it is one.
fn checkout(path: &Path) -> Option<PathBuf> {
    path.join(PACKAGE).join("Cargo.toml").is_file().then(|| path.canonicalize().ok()).flatten()
}

/// Cargo makes and removes what is below `git/checkouts` of its home as it likes.
fn is_cache_of_cargo(path: &Path) -> bool {
    let folders: Vec<_> = path.components().map(Component::as_os_str).collect();
    folders.windows(2).any(|pair| pair == ["git", "checkouts"])
}

fn named(checkout: &Path) -> Result<Source, Failure> {
    match checkout.to_str() {
        Some(text) if !text.chars().any(char::is_control) => {
            Ok(Source::Checkout(text.trim_end_matches('/').to_owned()))
        }
        _ => Err(Failure::bad_input(format!(
            "expected a path to Squall that a manifest can have, in UTF-8 and one line, found \
             {:?}; --squall gives another one",
            plain::line(&checkout.to_string_lossy())
        ))),
    }
}

/// The way from one canonical path to another.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let (mut from, mut to) = (from.components().peekable(), to.components().peekable());
    while from.peek().is_some() && from.peek() == to.peek() {
        from.next();
        to.next();
    }
    let up = from.map(|_| Component::ParentDir);
    up.chain(to).collect()
}

/// A basic string of TOML. Without control characters only these two are escaped.
fn in_quotes(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Source, in_quotes, is_cache_of_cargo, named, relative};

    #[test]
    fn the_way_to_a_checkout() {
        for (from, to, way) in [
            ("/a/b/mine", "/a/squall", "../../squall"),
            ("/a/squall/target/mine", "/a/squall", "../.."),
            ("/mine", "/squall", "../squall"),
            ("/a", "/a/squall", "squall"),
        ] {
            assert_eq!(relative(Path::new(from), Path::new(to)), Path::new(way), "{from} to {to}");
        }
    }

    #[test]
    fn a_dependency_is_toml() {
        let dependency = |path: &str| named(Path::new(path)).map(|it| it.dependency()).ok();
        assert_eq!(dependency("/a/squall/").as_deref(), Some("{ path = \"/a/squall/harness\" }"));
        assert_eq!(dependency("/a\nb"), None);
        assert_eq!(in_quotes("C:\\a \"b\""), "\"C:\\\\a \\\"b\\\"\"");
        let git = Source::of(Some("ssh://git@example.org/squall"), Path::new("/mine"));
        let git = git.map(|it| it.dependency()).ok();
        assert_eq!(git.as_deref(), Some("{ git = \"ssh://git@example.org/squall\" }"));
    }

    #[test]
    fn a_cache_of_cargo_is_no_checkout_to_depend_on() {
        assert!(is_cache_of_cargo(Path::new("/home/me/.cargo/git/checkouts/squall-1a2b/3c4d")));
        assert!(!is_cache_of_cargo(Path::new("/home/me/git/squall/checkouts")));
    }
}
