//! A crate that is written for somebody, and what stands in its way. `.ci/first-crate` builds one.

use std::{fs, path::Path};

use super::{
    Test,
    place::{Place, Ran, ran},
};

pub(crate) const TESTS: &[Test] = &[
    ("a_crate_is_written_whole", whole),
    ("an_empty_folder_becomes_a_crate", here),
    ("squall_comes_from_where_it_is_said_to", sources),
    ("what_is_there_is_left_alone", occupied),
    ("a_package_has_a_name_that_cargo_takes", names),
    ("a_crate_that_cannot_be_written_leaves_nothing", unwritable),
];

#[track_caller]
fn refused(ran: &Ran, sentence: &str) {
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains(sentence), "{}", ran.err);
    assert_eq!((ran.out.as_str(), ran.err.lines().count()), ("", 1), "{}", ran.err);
}

fn whole() {
    let place = Place::new("init-whole");
    let ran = place.run(&["init", &place.at("our-chaos")]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert!(ran.out.contains(&format!("cd {}\n", place.at("our-chaos"))), "{}", ran.out);
    let expected = [
        "our-chaos/.cargo/config.toml",
        "our-chaos/.gitignore",
        "our-chaos/Cargo.lock",
        "our-chaos/Cargo.toml",
        "our-chaos/README.md",
        "our-chaos/fixtures/goldens/backend-hung.snap",
        "our-chaos/src/backend.rs",
        "our-chaos/src/frontend.rs",
        "our-chaos/src/lib.rs",
        "our-chaos/src/main.rs",
        "our-chaos/src/preset.rs",
        "our-chaos/src/scenarios/backend_hung.rs",
        "our-chaos/src/scenarios/mod.rs",
        "our-chaos/src/scenarios/new.txt",
        "our-chaos/tests/catalogue.rs",
    ];
    assert_eq!(place.files(), expected);
    let alias = "squall = \"run --package our-chaos --bin our-chaos --\"\n";
    let config = place.read("our-chaos/.cargo/config.toml");
    assert!(config.ends_with(alias), "{config}");
}

fn here() {
    let place = Place::new("init-here");
    fs::create_dir(place.path("mine")).expect("a folder");
    let mut command = place.command(&["init", "."]);
    command.current_dir(place.path("mine"));
    let ran = ran(command);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(place.read("mine/Cargo.toml").contains("name = \"mine\"\n"));
}

/// Makes a crate and hands out how it depends on squall.
#[track_caller]
fn dependency(place: &Place, name: &str, squall: &[&str]) -> String {
    let mut command = place.command(&[&["init", name], squall].concat());
    command.current_dir(place.path("."));
    let ran = ran(command);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let manifest = place.read(&format!("{name}/Cargo.toml"));
    let line = manifest.lines().find_map(|line| line.strip_prefix("squall = "));
    line.expect("a line for squall").to_owned()
}

fn sources() {
    let place = Place::new("init-sources");
    let package = place.path("its checkout/harness");
    fs::create_dir_all(&package).expect("a folder");
    fs::write(package.join("Cargo.toml"), "").expect("a file");
    let relative = dependency(&place, "relative", &["--squall", "its checkout"]);
    assert_eq!(relative, "{ path = \"../its checkout/harness\" }");
    let absolute = dependency(&place, "absolute", &["--squall", &place.at("its checkout")]);
    assert_eq!(absolute, format!("{{ path = \"{}\" }}", package.display()));
    let url = "https://example.org/squall.git";
    let git = dependency(&place, "git", &["--squall", url]);
    assert_eq!(git, format!("{{ git = \"{url}\" }}"));
    // By default from here, and the folder of this test may or may not be inside.
    let built_from = dependency(&place, "built-from", &[]);
    let path = built_from.strip_prefix("{ path = \"").and_then(|it| it.strip_suffix("\" }"));
    let path = place.path("built-from").join(path.expect("a path"));
    let found = path.canonicalize().expect("it is there");
    assert_eq!(found, Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().expect("it is here"));
    for (given, sentence) in [
        ("nowhere", "found no harness/Cargo.toml in \"nowhere\""),
        ("", "found no harness/Cargo.toml in \"\""),
        ("a\n[package]", "expected --squall in one line of text"),
    ] {
        let ran = place.run(&["init", &place.at("other"), "--squall", given]);
        refused(&ran, sentence);
    }
    assert!(!place.path("other").exists());
}

fn occupied() {
    let place = Place::new("init-occupied");
    fs::create_dir(place.path("full")).expect("a folder");
    fs::write(place.path("full/notes"), "mine").expect("a file");
    refused(&place.run(&["init", &place.at("full")]), "expected an empty folder");
    refused(&place.run(&["init", &place.at("full/notes")]), "expected a folder, found a file");
    assert_eq!(place.files(), ["full/notes"]);
    assert_eq!(place.read("full/notes"), "mine");
}

fn names() {
    let place = Place::new("init-names");
    let long = "x".repeat(65);
    for name in ["Chaos", "2nd", "-x", "a b", "a/b", "ä", "", "x\n[dependencies]", &long] {
        let ran = place.run(&["init", &place.at("crate"), &format!("--name={name}")]);
        refused(&ran, "expected a name of a package of at most 64 lower-case letters");
    }
    for name in ["match", "test", "build", "core", "con", "axum", "serde-json", "squall-os"] {
        let ran = place.run(&["init", &place.at(name)]);
        refused(&ran, "expected a name of a package that is not taken by Rust, cargo");
    }
    assert_eq!(place.files(), Vec::<String>::new());
    assert!(!place.path("crate").exists());
}

fn unwritable() {
    let place = Place::new("init-unwritable");
    refused(&place.run(&["init", &place.at("no/where")]), "there is no folder ");
    fs::write(place.path("file"), "").expect("a file");
    refused(&place.run(&["init", &place.at("file/inside")]), "cannot be looked into");
    std::os::unix::fs::symlink("nowhere", place.path("link")).expect("a link");
    refused(&place.run(&["init", &place.at("link")]), "cannot write ");
    // Nobody makes folders there, not even root.
    refused(&place.run(&["init", "/proc/mine"]), "cannot write /proc/mine");
    assert_eq!(place.files(), ["file", "link"]);
}
