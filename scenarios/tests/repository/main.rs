//! The repository's own rules: module docs, sizes, import directions, `unsafe`, goldens, and
//! documents that agree with the code. Each complaint names its file, and its line if it has one.

mod circles;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Longer files are two files; four hundred lines are enough for most.
const LINES_MAX: usize = 650;

fn root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package is in the workspace").to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files with one of these endings that people have written, relative to the root, in order.
fn files(endings: &[&str]) -> Vec<String> {
    let (root, mut found, mut folders) = (root(), Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry"))
        {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if !["target", ".git", "generated"].contains(&&*name) {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                let relative = path.strip_prefix(&root).expect("inside of the root");
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
fn nothing(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n  {}\n", complaints.join("\n  "));
}

/// The lines of a source file without what follows `//`, numbered from 1.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(at, line)| {
        let end = line.find("//").unwrap_or(line.len());
        (at + 1, &line[..end])
    })
}

fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// The modules of its own crate that a source file names, with the lines.
fn modules_named(text: &str) -> Vec<(usize, String)> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let text: Vec<String> = code(text).map(|(_, line)| line.to_owned()).collect();
    let text = text.join("\n");
    let mut named = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let line = text[..at].matches('\n').count() + 1;
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            named.push((line, word(rest)));
            continue;
        };
        let mut depth = 1;
        let mut begins = true;
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => begins = true,
                c if begins && !c.is_whitespace() => {
                    begins = false;
                    named.push((line, word(&group[place..])));
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    named
}

#[test]
fn every_source_file_says_what_it_is_for() {
    let bad = |path: &String| !read(path).starts_with("//!");
    let complaints = files(&[".rs"]).into_iter().filter(bad);
    nothing(&complaints.map(|path| format!("{path}:1: expected `//!`")).collect::<Vec<_>>());
}

#[test]
fn no_source_file_is_too_long() {
    let lengths = files(&[".rs"]).into_iter().map(|path| (read(&path).lines().count(), path));
    let long = lengths.filter(|(lines, _)| *lines > LINES_MAX);
    let complaint = |(lines, path)| format!("{path}: {lines} lines, at most {LINES_MAX}");
    nothing(&long.map(complaint).collect::<Vec<_>>());
}

/// Modules of the harness, as files or folders, and the modules of their crate that they must not name.
/// What performs the parts of a plan sees its surroundings through `run` alone, whoever the backend is.
const DIRECTIONS: [(&str, &[&str]); 12] = [
    (
        "harness/src/objective",
        &[
            "plan", "load", "cluster", "sim", "sidecar", "scrape", "judge", "run", "backend",
            "cli", "testing",
        ],
    ),
    (
        "harness/src/judge",
        &[
            "plan", "load", "cluster", "sim", "sidecar", "scrape", "run", "backend", "cli",
            "testing",
        ],
    ),
    (
        "harness/src/plan",
        &[
            "load", "cluster", "sim", "sidecar", "scrape", "judge", "run", "backend", "cli",
            "testing",
        ],
    ),
    (
        "harness/src/cluster",
        &[
            "objective",
            "judge",
            "sim",
            "sidecar",
            "scrape",
            "backend",
            "cli",
            "testing",
            "catalogue",
            "scenario",
        ],
    ),
    (
        "harness/src/load",
        &["judge", "sim", "cluster", "sidecar", "scrape", "backend", "cli", "testing", "catalogue"],
    ),
    (
        "harness/src/scrape",
        &["judge", "sim", "cluster", "sidecar", "backend", "cli", "testing", "catalogue"],
    ),
    (
        "harness/src/sidecar",
        &["judge", "sim", "cluster", "scrape", "backend", "cli", "testing", "catalogue"],
    ),
    (
        "harness/src/run",
        &["sim", "load", "cluster", "sidecar", "scrape", "cli", "testing", "catalogue"],
    ),
    (
        "harness/src/sim",
        &[
            "judge",
            "objective",
            "load",
            "cluster",
            "sidecar",
            "scrape",
            "backend",
            "cli",
            "testing",
            "catalogue",
        ],
    ),
    (
        "harness/src/interpose",
        &["plan", "load", "sim", "cluster", "sidecar", "scrape", "judge", "run", "backend", "cli"],
    ),
    ("harness/src/backend", &["judge", "cli", "testing"]),
    ("harness/src/backend/process", &["sim"]),
];

#[test]
fn imports_point_one_way() {
    let mut complaints = Vec::new();
    for path in files(&[".rs"]) {
        let text = read(&path);
        for (folder, forbidden) in DIRECTIONS {
            // Tests of a module may well look at it from outside.
            if !path.starts_with(folder) || path.contains("tests") {
                continue;
            }
            for (line, module) in modules_named(&text) {
                if forbidden.contains(&module.as_str()) {
                    complaints.push(format!("{path}:{line}: {folder} must not know `{module}`"));
                }
            }
        }
        let crates: &[&str] = match path.split('/').next() {
            Some("reference-services") => &["squall::", "squall_reports::"],
            Some("reports") => &["squall::", "squall_os::", "judge::"],
            _ if path.starts_with("harness/os") => &["squall::", "squall_reports::"],
            _ if path.starts_with("harness/proxy") => {
                &["squall::", "squall_os::", "squall_reports::"]
            }
            _ => continue,
        };
        for (line, code) in code(&text) {
            for name in crates.iter().filter(|name| code.contains(**name)) {
                complaints.push(format!("{path}:{line}: must not know `{name}`"));
            }
        }
    }
    nothing(&complaints);
}

/// The names of the dependencies in a manifest, of all kinds, with their lines.
fn dependencies(manifest: &str) -> Vec<(usize, String)> {
    let (mut inside, mut found) = (false, Vec::new());
    for (at, line) in manifest.lines().enumerate() {
        if line.starts_with('[') {
            inside = line.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let end = line.find([' ', '.', '=']).unwrap_or(line.len());
            found.push((at + 1, line[..end].to_owned()));
        }
    }
    found
}

const MANIFESTS: [&str; 7] = [
    "fuzz/Cargo.toml",
    "harness/Cargo.toml",
    "harness/os/Cargo.toml",
    "harness/proxy/Cargo.toml",
    "reference-services/Cargo.toml",
    "reports/Cargo.toml",
    "scenarios/Cargo.toml",
];

#[test]
fn crates_depend_one_way_and_say_why() {
    let own = [
        "squall",
        "squall-os",
        "squall-proxy",
        "squall-reports",
        "reference-services",
        "unified-features",
    ];
    let architecture = read("docs/ARCHITECTURE.md");
    let (_, table) = architecture.split_once("\n## Dependencies\n").expect("its table");
    // The crates of a row are in its first cell, their reasons in the others.
    let rows = table.lines().skip_while(|line| !line.starts_with('|'));
    let rows = rows.take_while(|line| line.starts_with('|'));
    let crates: Vec<&str> = rows.filter_map(|line| line.split('|').nth(1)).collect();
    let mut complaints = Vec::new();
    for path in MANIFESTS {
        let allowed: &[&str] = match path {
            "fuzz/Cargo.toml" => {
                &["squall", "squall-proxy", "squall-reports", "reference-services"]
            }
            "harness/Cargo.toml" => &["squall-os", "squall-proxy", "squall-reports"],
            "reference-services/Cargo.toml" => &["squall-os"],
            "scenarios/Cargo.toml" => {
                &["squall", "squall-os", "squall-reports", "reference-services", "unified-features"]
            }
            _ => &[],
        };
        for (line, name) in dependencies(&read(path)) {
            if own.contains(&name.as_str()) {
                if !allowed.contains(&name.as_str()) {
                    complaints.push(format!("{path}:{line}: must not depend on {name}"));
                }
            } else if !crates.iter().any(|cell| cell.contains(&format!("`{name}`"))) {
                complaints.push(format!("{path}:{line}: {name} is not in docs/ARCHITECTURE.md"));
            }
        }
    }
    nothing(&complaints);
}

#[test]
fn unsafe_code_is_in_one_module() {
    let word = ["un", "safe"].concat();
    let elsewhere = |path: &String| !path.starts_with("harness/src/interpose");
    let mut complaints = Vec::new();
    for path in files(&[".rs"]).into_iter().filter(elsewhere) {
        let text = read(&path);
        // The word in quotation marks is a name, not code, and so is that of a content policy.
        let names = [format!("\"{word}\""), format!("'{word}-inline'")];
        let unquoted =
            |line: &str| names.iter().fold(line.to_owned(), |it, name| it.replace(name, ""));
        let lines = code(&text).filter(|(_, line)| has_word(&unquoted(line), &word));
        complaints.extend(lines.map(|(line, _)| format!("{path}:{line}: {word} code")));
    }
    nothing(&complaints);
}

#[test]
fn nothing_is_left_to_do() {
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut complaints = Vec::new();
    for path in files(&[".rs", ".md", ".toml", ".proto", "run"]) {
        for (at, line) in read(&path).lines().enumerate() {
            for word in words.iter().filter(|word| has_word(line, word)) {
                complaints.push(format!("{path}:{}: {word}", at + 1));
            }
        }
    }
    nothing(&complaints);
}

#[test]
fn goldens_and_kept_seeds_belong_to_scenarios() {
    let catalogue = squall_scenarios::catalogue();
    let scenarios = catalogue.scenarios().iter().map(|listed| listed.scenario.name().to_owned());
    let scenarios: BTreeSet<String> = scenarios.collect();
    let stems = |folder: &str, ending: &str| -> BTreeSet<String> {
        let names = files(&[ending]).into_iter();
        names
            .filter_map(|path| Some(path.strip_prefix(folder)?.strip_suffix(ending)?.to_owned()))
            .collect()
    };
    let goldens = stems("fixtures/goldens/", ".snap");
    let orphan = |name: &String, folder: &str| format!("fixtures/{folder}/{name}: no scenario");
    let mut complaints: Vec<String> =
        goldens.difference(&scenarios).map(|name| orphan(name, "goldens")).collect();
    let seeds = stems("fixtures/regressions/", ".seeds");
    complaints.extend(seeds.difference(&scenarios).map(|name| orphan(name, "regressions")));
    complaints.extend(scenarios.difference(&goldens).map(|name| {
        format!("fixtures/goldens/{name}.snap is missing: run `cargo test`, then review it")
    }));
    nothing(&complaints);
}

#[test]
fn every_scenario_and_defect_is_in_the_page_of_the_services() {
    let (page, catalogue) = (read("docs/SERVICES.md"), squall_scenarios::catalogue());
    let scenarios = catalogue.scenarios().iter().map(|listed| listed.scenario.name());
    let defects = catalogue.defects().iter().map(|defect| defect.name.as_str());
    let missing = scenarios.chain(defects).filter(|name| !page.contains(&format!("`{name}`")));
    let complaint = |name| format!("docs/SERVICES.md: expected a row with `{name}`");
    nothing(&missing.map(complaint).collect::<Vec<_>>());
}

#[test]
fn the_lock_file_is_tracked() {
    let root = root();
    if !root.join(".git").exists() {
        return;
    }
    let listed = Command::new("git").current_dir(&root).args(["ls-files", "Cargo.lock"]).output();
    let listed = listed.expect("git runs");
    assert_eq!(String::from_utf8_lossy(&listed.stdout).trim(), "Cargo.lock", "Cargo.lock");
}

/// The names of the public functions that begin at the left edge of a source file.
fn public_functions(path: &str) -> Vec<(usize, String)> {
    let text = read(path);
    let lines = text.lines().enumerate();
    let functions = lines.filter_map(|(at, line)| {
        let rest = line.strip_prefix("pub fn ")?;
        Some((at + 1, rest[..rest.find(['(', '<'])?].to_owned()))
    });
    functions.collect()
}

#[test]
fn every_fault_and_objective_is_in_the_reference() {
    let reference = read("docs/REFERENCE.md");
    let mut sources = vec![
        "harness/src/plan/fault/builders.rs".to_owned(),
        "harness/src/plan/deploy/operation.rs".to_owned(),
    ];
    let objectives = files(&[".rs"]).into_iter();
    sources.extend(objectives.filter(|path| path.starts_with("harness/src/objective/")));
    let mut complaints = Vec::new();
    for path in sources {
        for (line, name) in public_functions(&path) {
            if !reference.contains(&format!("`{name}(")) {
                complaints.push(format!("{path}:{line}: `{name}` is not in docs/REFERENCE.md"));
            }
        }
    }
    nothing(&complaints);
}

/// The fenced blocks of a document: the line each begins at, its language and its lines.
fn blocks(text: &str) -> Vec<(usize, &str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, Vec<&str>)> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(language)) => open = Some((at + 1, language, Vec::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, _, lines)), None) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks
}

#[test]
fn commands_in_documents_exist() {
    let mut complaints = Vec::new();
    for path in files(&[".md"]) {
        let text = read(&path);
        // What a document has just told the reader to make is there for the rest of it.
        let made: Vec<&str> =
            text.lines().filter_map(|l| l.strip_prefix("$ cargo squall new ")).collect();
        for (begin, language, lines) in blocks(&text) {
            if language != "console" {
                continue;
            }
            for (at, line) in lines.iter().enumerate() {
                let Some(command) = line.strip_prefix("$ ") else { continue };
                let command = command.split(" #").next().unwrap_or_default();
                if let Err(wrong) = check_command(command, &made) {
                    complaints.push(format!("{path}:{}: {wrong}", begin + at + 1));
                }
            }
        }
    }
    nothing(&complaints);
}

/// Does a command of ours refer to what there is? Those of others are not looked at.
fn check_command(command: &str, made: &[&str]) -> Result<(), String> {
    let words: Vec<&str> = command.split_whitespace().skip_while(|w| w.contains('=')).collect();
    let ["cargo", subcommand, rest @ ..] = words.as_slice() else { return Ok(()) };
    let ours: Vec<&str> = rest.iter().take_while(|word| **word != "--").copied().collect();
    let after = |flags: &[&str]| {
        let values = ours.windows(2).filter(|pair| flags.contains(&pair[0]));
        values.map(|pair| pair[1].to_owned()).collect::<Vec<_>>()
    };
    for package in after(&["-p", "--package"]) {
        let line = format!("name = \"{package}\"");
        if !MANIFESTS.iter().any(|path| read(path).lines().any(|found| found == line)) {
            return Err(format!("there is no package {package}"));
        }
    }
    let exists = |ending: &str| files(&[".rs"]).iter().any(|path| path.ends_with(ending));
    for binary in after(&["--bin"]) {
        let named = read("scenarios/Cargo.toml").contains(&format!("name = \"{binary}\""));
        if !named && !exists(&format!("src/bin/{binary}.rs")) {
            return Err(format!("there is no binary {binary}"));
        }
    }
    for example in after(&["--example"]) {
        if !exists(&format!("examples/{example}.rs")) {
            return Err(format!("there is no example {example}"));
        }
    }
    match *subcommand {
        "squall" => check_squall(rest, made),
        "test" | "run" | "build" | "bench" | "doc" | "check" | "insta" => Ok(()),
        other => Err(format!("there is no command `cargo {other}`")),
    }
}

fn check_squall(words: &[&str], made: &[&str]) -> Result<(), String> {
    let catalogue = squall_scenarios::catalogue();
    let args = read("harness/src/cli/args.rs");
    let Some((command, words)) = words.split_first() else { return Ok(()) };
    let variant = format!("    {}{}", command[..1].to_uppercase(), &command[1..]);
    // With arguments, or without any.
    if !["(", ","].iter().any(|end| args.contains(&format!("{variant}{end}"))) {
        return Err(format!("there is no command `cargo squall {command}`"));
    }
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(flag) = word.strip_prefix("--") {
            if !args.contains(&format!("pub(crate) {flag}:")) {
                return Err(format!("there is no flag --{flag}"));
            }
            let value = words.next().ok_or_else(|| format!("--{flag} has no value"))?;
            if flag == "defect" && catalogue.find_defect(value).is_none() {
                return Err(format!("there is no defect {value}"));
            }
        } else if *command == "run" {
            let mut names = catalogue.scenarios().iter().map(|listed| listed.scenario.name());
            let known = *word == "NAME" || made.contains(word);
            if !known && !names.any(|name| name.contains(word)) {
                return Err(format!("no scenario has {word} in its name"));
            }
        }
    }
    Ok(())
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut complaints = Vec::new();
    for path in files(&[".md"]) {
        let folder = Path::new(&path).parent().expect("a file has a folder").to_owned();
        for (at, line) in read(&path).lines().enumerate() {
            for link in line.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
                let file = link.split('#').next().unwrap_or_default();
                let outside = link.contains("://") || file.is_empty();
                if !outside && !root().join(&folder).join(file).exists() {
                    complaints.push(format!("{path}:{}: {link} is not there", at + 1));
                }
            }
        }
    }
    nothing(&complaints);
}

#[test]
fn the_scenario_in_the_readme_is_one_of_the_catalogue() {
    let (readme, catalogue) = (read("README.md"), squall_scenarios::catalogue());
    let sources: Vec<String> =
        catalogue.scenarios().iter().map(|listed| read(&listed.source)).collect();
    let shown = blocks(&readme).into_iter().filter(|(_, language, _)| *language == "rust");
    let shown: Vec<_> = shown.collect();
    assert!(!shown.is_empty(), "README.md: expected a scenario");
    for (line, _, lines) in shown {
        let text = format!("{}\n", lines.join("\n"));
        assert!(sources.contains(&text), "README.md:{line}: no scenario has this text");
    }
}
