//! `squall new`: a scenario file with its registration, which compiles and runs.

use std::{fs, path::Path};

use squall_reports::name;

use super::{Exit, Failure, args, print, reserved};
use crate::{
    catalogue::{Catalogue, Sources},
    whole_file,
};

/// The lines of the catalogue's `mod.rs` above which a new scenario is entered.
const MODULES_END: &str = "// `squall new` adds modules above this line.";
const LIST_END: &str = "// `squall new` adds scenarios above this line.";

pub(super) fn new(catalogue: &Catalogue, args: &args::New) -> Result<Exit, Failure> {
    let name = &args.name;
    let word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !name.split('-').all(word) || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Err(Failure::bad_input(format!(
            "expected a name of lower-case words with `-` between them, found {name:?}"
        )));
    }
    name::check(name).map_err(Failure::bad_input)?;
    if catalogue.find(name).is_some() {
        return Err(Failure::bad_input(format!("there is already a scenario {name}")));
    }
    let Some(Sources { folder, package, template }) = catalogue.written_to() else {
        return Err(Failure::bad_input("this catalogue does not say where its sources are"));
    };
    let module = name.replace('-', "_");
    if reserved::is_reserved(&module) {
        return Err(Failure::bad_input(format!(
            "expected a name that a Rust module can have, found {name:?}, a keyword or the name of \
             a crate"
        )));
    }
    let (file, list) = (folder.join(format!("{module}.rs")), folder.join("mod.rs"));
    if file.exists() {
        return Err(Failure::bad_input(format!("there is already a file {}", file.display())));
    }
    let registered = fs::read_to_string(&list)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", list.display())))
        .and_then(|text| register(&text, &module, &list))?;
    fs::write(&file, filled_in(template, name))
        .and_then(|()| whole_file::write(&list, &registered))
        .map_err(|error| {
            // Nothing is left half done.
            let _ = fs::remove_file(&file);
            Failure::bad_input(format!("cannot write {}: {error}", file.display()))
        })?;
    print(&format!(
        "wrote {}\n\nrun it:     cargo squall run {name}\nkeep it:    cargo test -p {package} {name}\n            \
         cargo insta review\n\nThe test writes a golden, and fails until it is accepted. Without \
         cargo-insta:\n            INSTA_UPDATE=always cargo test -p {package} {name}\n",
        file.display()
    ));
    Ok(Exit::Pass)
}

/// The text of `mod.rs` with the scenario in it: its module in order, its entry at the end.
fn register(text: &str, module: &str, list: &Path) -> Result<String, Failure> {
    if !text.contains(MODULES_END) || !text.contains(LIST_END) {
        return Err(Failure::bad_input(format!(
            "expected the lines {MODULES_END:?} and {LIST_END:?} in {}",
            list.display()
        )));
    }
    let new = format!("mod {module};");
    let mut lines: Vec<&str> = text.lines().collect();
    let end = lines.iter().position(|line| *line == MODULES_END).unwrap_or(0);
    let later = |line: &&str| line.starts_with("mod ") && **line > *new;
    let place = lines[..end].iter().position(later).unwrap_or(end);
    lines.insert(place, &new);
    let with = format!("{}\n", lines.join("\n"));
    Ok(with.replacen(LIST_END, &format!("entry!({module}),\n        {LIST_END}"), 1))
}

/// The source of the scenario `name`.
fn filled_in(template: &str, name: &str) -> String {
    template.replace("{title}", &name.replace('-', " ")).replace("{name}", name)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{LIST_END, MODULES_END, filled_in, register};

    #[test]
    fn a_template_is_filled_in() {
        let text = filled_in("//! {title}\nshop(\"{name}\", \"{ x }\") // {name}\n", "far-away");
        assert_eq!(text, "//! far away\nshop(\"far-away\", \"{ x }\") // far-away\n");
    }

    #[test]
    fn a_scenario_is_entered_in_order() {
        let text =
            format!("mod a;\nmod c;\n{MODULES_END}\n\n        entry!(a),\n        {LIST_END}\n");
        let with = register(&text, "b_c", Path::new("mod.rs")).unwrap();
        assert_eq!(
            with,
            format!(
                "mod a;\nmod b_c;\nmod c;\n{MODULES_END}\n\n        entry!(a),\n        entry!(b_c),\n        \
                 {LIST_END}\n"
            )
        );
    }

    #[test]
    fn without_the_lines_nothing_is_entered() {
        let error = register("mod a;\n", "b", Path::new("mod.rs")).unwrap_err();
        assert!(error.sentence.contains("expected the lines"), "{}", error.sentence);
    }
}
