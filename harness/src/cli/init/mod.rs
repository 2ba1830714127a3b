//! `squall init`: a crate of scenarios outside of this repository, with services of its own, which
//! builds, passes and agrees with its golden.

mod files;
mod made;
mod source;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use squall_reports::{name, plain};

use self::{made::Made, source::Source};
use super::{Exit, Failure, args, print, reserved};
use crate::catalogue::quoted;

/// What cargo has folders called, or makes of a target of that name something of its own.
const OF_CARGO: [&str; 6] = ["build", "deps", "examples", "incremental", "proc_macro", "test"];

/// The longest name of a package that crates.io takes.
const NAME_MAX: usize = 64;

pub(super) fn init(args: &args::Init) -> Result<Exit, Failure> {
    let folder = place(&args.folder)?;
    let name = match &args.name {
        Some(name) => name.clone(),
        None => folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    check_name(&name)?;
    let source = Source::of(args.squall.as_deref(), &folder)?;
    let mut made = Made::default();
    for (path, text) in files::filled_in(&name, &source) {
        let path = folder.join(path);
        made.write(&path, &text).map_err(|error| {
            made.undo();
            Failure::bad_input(format!("cannot write {}: {error}", shown(&path)))
        })?;
    }
    let there = shown(&args.folder);
    print(&format!(
        "wrote the crate {name} to {there}, with squall from {source}\n\n\
         go there:   cd {}\n\
         run it:     cargo squall run\n\
         break it:   cargo squall run --defect no-call-timeout\n\
         test it:    cargo test\n",
        quoted(&there)
    ));
    Ok(Exit::Pass)
}

/// A path in one line.
fn shown(path: &Path) -> String {
    plain::line(&path.to_string_lossy())
}

/// The absolute path of the folder that is to become a crate, if it can.
fn place(given: &Path) -> Result<PathBuf, Failure> {
    let refused = |why: String| Failure::bad_input(format!("{}: {why}", shown(given)));
    let unread = |error: io::Error| refused(format!("cannot be looked into: {error}"));
    match fs::metadata(given) {
        Ok(found) if !found.is_dir() => Err(refused("expected a folder, found a file".to_owned())),
        Ok(_) => match fs::read_dir(given).map_err(unread)?.next() {
            Some(_) => Err(refused("expected an empty folder, found something in it".to_owned())),
            None => given.canonicalize().map_err(unread),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let parent = given.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let Ok(parent) = parent.canonicalize() else {
                return Err(refused(format!("there is no folder {}", shown(parent))));
            };
            let name = given.file_name();
            Ok(parent.join(name.ok_or_else(|| refused("expected a name at the end".to_owned()))?))
        }
        Err(error) => Err(unread(error)),
    }
}

fn check_name(name: &str) -> Result<(), Failure> {
    let refused = |wanted: &str| {
        let found = plain::line(name);
        Err(Failure::bad_input(format!(
            "expected a name of a package {wanted}, found {found:?}; --name NAME gives another one \
             than the folder has"
        )))
    };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !begins || !name.chars().all(is_plain) || name.len() > NAME_MAX {
        return refused(&format!(
            "of at most {NAME_MAX} lower-case letters (a to z), digits, - and _ that begins with a \
             letter"
        ));
    }
    let module = name.replace('-', "_");
    let is_dependency = files::dependencies().any(|it| it.replace('-', "_") == module);
    let is_of_cargo = OF_CARGO.contains(&module.as_str());
    if reserved::is_reserved(&module)
        || is_of_cargo
        || is_dependency
        || module.starts_with("squall_")
        || name::check(name).is_err()
    {
        return refused("that is not taken by Rust, cargo, Windows, Squall or a dependency");
    }
    Ok(())
}
