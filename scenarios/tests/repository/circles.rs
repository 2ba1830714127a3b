//! No file imports one that imports it, be it over others.
//!
//! An import is a path to another module of the same crate, in a `use` or in the code. A name that
//! a module only passes on (`pub use`) is imported from there and from where it is defined. What a
//! module is for those within it is no import of theirs, and neither is a `mod` of its own; tests
//! may look at anything.

use std::collections::{BTreeMap, BTreeSet};

use super::{files, nothing, read};

/// The sources of each crate.
const CRATES: [&str; 6] = [
    "harness/src/",
    "harness/os/src/",
    "harness/proxy/src/",
    "reference-services/src/",
    "reports/src/",
    "scenarios/src/",
];

/// Files that may import each other, by how their paths begin, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("harness/src/objective/", "a claim is one of all objectives, each of which makes a claim")];

/// A module by the names that lead to it from the root of its crate.
type Module = Vec<String>;

/// What the text of one file says of imports.
#[derive(Debug, Default)]
struct Source {
    file: String,
    /// The paths of its `use`, with the name that each has from there on.
    uses: Vec<(Vec<String>, String)>,
    /// The names that it passes on, with the paths to them.
    passed_on: BTreeMap<String, Vec<String>>,
    /// The modules that it declares.
    declared: BTreeSet<String>,
    /// All other paths.
    paths: Vec<Vec<String>>,
}

/// The words and signs of a source, without comments, texts and lifetimes.
fn tokens(text: &str) -> Vec<&str> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |at| at + 2)
        } else if first == '"' {
            quoted(rest)
        } else if first == '\'' {
            character(rest)
        } else if ["r", "br"].contains(&&rest[..word]) && raw(&rest[word..]).is_some() {
            word + raw(&rest[word..]).unwrap_or(0)
        } else if word > 0 {
            found.push(&rest[..word]);
            word
        } else if rest.starts_with("::") {
            found.push("::");
            2
        } else {
            if !first.is_whitespace() {
                found.push(&rest[..first.len_utf8()]);
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

/// The length of the text in quotation marks at the beginning.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    let end = text.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(text.len(), |(at, _)| at + 1)
}

/// The length of the raw text at the beginning, after its `r`.
fn raw(text: &str) -> Option<usize> {
    let hashes = text.find(|c| c != '#')?;
    let inner = text[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(hashes + 1 + inner.find(&end).map_or(inner.len(), |at| at + end.len()))
}

/// The length of the character at the beginning, or of the sign of a lifetime.
fn character(text: &str) -> usize {
    let inner = &text[1..];
    let mut chars = inner.char_indices();
    let end = match chars.next() {
        Some((_, '\\')) => inner[2.min(inner.len())..].find('\'').map(|at| at + 2),
        _ => chars.next().filter(|(_, c)| *c == '\'').map(|(at, _)| at),
    };
    end.map_or(1, |at| at + 2)
}

/// The place after the item at the beginning.
fn after_item(tokens: &[&str]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match *token {
            "{" | "(" | "[" => depth += 1,
            "}" | ")" | "]" => {
                depth = depth.saturating_sub(1);
                if depth == 0 && *token == "}" {
                    return at + 1;
                }
            }
            ";" | "," if depth == 0 => return at + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The paths of a `use`, up to its end, each with its name.
fn expand(
    tokens: &[&str],
    at: &mut usize,
    begin: &[String],
    into: &mut Vec<(Vec<String>, String)>,
) {
    let mut path = begin.to_vec();
    while let Some(token) = tokens.get(*at) {
        match *token {
            "{" => {
                *at += 1;
                while tokens.get(*at).is_some_and(|token| *token != "}") {
                    expand(tokens, at, &path, into);
                    if tokens.get(*at) == Some(&",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return;
            }
            "," | "}" | ";" => break,
            "::" => {}
            "as" => {
                let name = tokens.get(*at + 1).copied().unwrap_or_default();
                *at += 2;
                return into.push((path, name.to_owned()));
            }
            "self" if !path.is_empty() => {}
            word => path.push(word.to_owned()),
        }
        *at += 1;
    }
    let name = path.last().cloned().unwrap_or_default();
    into.push((path, name));
}

impl Source {
    fn of(file: &str, text: &str) -> Self {
        let mut new = Self { file: file.to_owned(), ..Self::default() };
        let tokens = tokens(text);
        let is_word = |token: &str| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
        let mut at = 0;
        // Whether what comes is seen from outside.
        let mut public = false;
        while at < tokens.len() {
            match &tokens[at..] {
                ["#", "[", "cfg", "(", "test", ..]
                | ["#", "[", "cfg", "(", "all", "(", "test", ..] => {
                    at += tokens[at..].iter().position(|token| *token == "]").unwrap_or(0) + 1;
                    at += after_item(&tokens[at..]);
                }
                ["pub", "(", ..] => {
                    public = true;
                    at += tokens[at..].iter().position(|token| *token == ")").unwrap_or(0) + 1;
                }
                ["pub", ..] => {
                    public = true;
                    at += 1;
                }
                // What an opaque type captures is no import.
                ["use", "<", ..] => at += 2,
                ["use", ..] => {
                    at += 1;
                    let mut uses = Vec::new();
                    expand(&tokens, &mut at, &[], &mut uses);
                    if public {
                        let passed_on =
                            uses.iter().map(|(path, name)| (name.clone(), path.clone()));
                        new.passed_on.extend(passed_on);
                    }
                    new.uses.extend(uses);
                    public = false;
                }
                ["mod", name, ";", ..] => {
                    new.declared.insert((*name).to_owned());
                    public = false;
                    at += 3;
                }
                [word, "::", next, ..] if is_word(word) && is_word(next) => {
                    let mut path = vec![(*word).to_owned()];
                    at += 1;
                    while let ["::", next, ..] = &tokens[at..]
                        && is_word(next)
                    {
                        path.push((*next).to_owned());
                        at += 2;
                    }
                    new.paths.push(path);
                    public = false;
                }
                _ => {
                    public = false;
                    at += 1;
                }
            }
        }
        new
    }
}

/// The modules of a crate, of which these are the files, with their paths within it and their texts.
fn modules(files: impl IntoIterator<Item = (String, String)>) -> BTreeMap<Module, Source> {
    let module = |(path, text): (String, String)| {
        let mut names: Module =
            path.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if names.last().is_some_and(|last| last == "mod") || names == ["lib"] {
            names.pop();
        }
        (names, Source::of(&path, &text))
    };
    files.into_iter().map(module).collect()
}

/// Where a path leads, from `base`: the modules that pass on what it names and at last the one that
/// defines it, and what is left of the path there.
fn follow(
    modules: &BTreeMap<Module, Source>,
    mut base: Module,
    path: &[String],
) -> (Vec<Module>, String) {
    let (mut path, mut passed) = (path.to_vec(), Vec::new());
    loop {
        while let Some(first) = path.first()
            && modules.contains_key(&[&*base, std::slice::from_ref(first)].concat())
        {
            base.push(path.remove(0));
        }
        let known = path.first().zip(modules.get(&base));
        let from = known.and_then(|(first, source)| {
            let from = source.passed_on.get(first)?;
            start(&base, from, &source.declared)
        });
        // Each passes it on once.
        let from = from.filter(|_| !passed.contains(&base));
        passed.push(base);
        let Some((start, from)) = from else { return (passed, path.join("::")) };
        path = [from, &path[1..]].concat();
        base = start;
    }
}

/// The module in which a path begins that `module` writes down, and what comes after it.
fn start<'p>(
    module: &Module,
    path: &'p [String],
    declared: &BTreeSet<String>,
) -> Option<(Module, &'p [String])> {
    match path.first()?.as_str() {
        "crate" => Some((Vec::new(), &path[1..])),
        "self" => Some((module.clone(), &path[1..])),
        "super" => {
            let up = path.iter().take_while(|name| *name == "super").count();
            Some((module[..module.len().checked_sub(up)?].to_vec(), &path[up..]))
        }
        first if declared.contains(first) => Some((module.clone(), path)),
        _ => None,
    }
}

/// What each module imports: from where, and under which names.
fn imports(
    modules: &BTreeMap<Module, Source>,
) -> BTreeMap<Module, BTreeMap<Module, BTreeSet<String>>> {
    let mut all = BTreeMap::new();
    for (module, source) in modules {
        let mut found: BTreeMap<Module, BTreeSet<String>> = BTreeMap::new();
        let mut known: BTreeMap<&String, Module> = BTreeMap::new();
        let mut import = |(over, name): (Vec<Module>, String)| {
            for from in over.into_iter().filter(|from| !module.starts_with(from)) {
                found.entry(from).or_default().insert(name.clone());
            }
        };
        for (path, name) in &source.uses {
            let Some((base, path)) = start(module, path, &source.declared) else { continue };
            let (over, left) = follow(modules, base, path);
            if left.is_empty() {
                known.extend(over.last().map(|from| (name, from.clone())));
            }
            import((over, left));
        }
        for path in &source.paths {
            let begins = start(module, path, &source.declared);
            let begins = begins.or_else(|| Some((known.get(&path[0])?.clone(), &path[1..])));
            let Some((base, path)) = begins else { continue };
            import(follow(modules, base, path));
        }
        all.insert(module.clone(), found);
    }
    all
}

/// The circles of a crate: the files of each, and the imports within it.
fn circles(modules: &BTreeMap<Module, Source>) -> Vec<(Vec<String>, Vec<String>)> {
    let imports = imports(modules);
    let reached = |from: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(module) = next.pop() {
            for to in imports.get(module).into_iter().flat_map(BTreeMap::keys) {
                if seen.insert(to) {
                    next.push(to);
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, _> = modules.keys().map(|it| (it, reached(it))).collect();
    let mut found: BTreeSet<Vec<&Module>> = BTreeSet::new();
    for (module, others) in &reached {
        let back = |other: &&&Module| reached.get(**other).is_some_and(|it| it.contains(module));
        let circle: Vec<&Module> = others.iter().filter(back).copied().collect();
        if !circle.is_empty() {
            found.insert(circle);
        }
    }
    let describe = |circle: Vec<&Module>| {
        let mut arrows = Vec::new();
        for from in &circle {
            for (to, names) in imports[*from].iter().filter(|(to, _)| circle.contains(to)) {
                let names = names.iter().filter(|name| !name.is_empty());
                let names: Vec<&str> = names.map(String::as_str).collect();
                let (from, to) = (&modules[*from].file, &modules[to].file);
                arrows.push(format!("{from} -> {to}: {}", names.join(", ")));
            }
        }
        (circle.into_iter().map(|module| modules[module].file.clone()).collect(), arrows)
    };
    found.into_iter().map(describe).collect()
}

#[test]
fn no_file_imports_one_that_imports_it() {
    let sources = files(&[".rs"]);
    let mut complaints = Vec::new();
    let mut excepted = BTreeSet::new();
    for folder in CRATES {
        let of_crate = sources.iter().filter_map(|path| path.strip_prefix(folder));
        let of_crate = of_crate.filter(|path| !path.contains("tests") && !path.starts_with("bin/"));
        let modules =
            modules(of_crate.map(|path| (path.to_owned(), read(&format!("{folder}{path}")))));
        for (files, arrows) in circles(&modules) {
            let is_of = |(begin, _): &&(&'static str, &str)| {
                files.iter().all(|file| format!("{folder}{file}").starts_with(begin))
            };
            if let Some((begin, _)) = EXCEPTIONS.iter().find(is_of) {
                excepted.insert(*begin);
                continue;
            }
            complaints.push(format!(
                "{folder}: {} import each other:\n    {}",
                files.join(", "),
                arrows.join("\n    ")
            ));
        }
    }
    let needless = EXCEPTIONS.iter().filter(|(begin, _)| !excepted.contains(begin));
    complaints.extend(needless.map(|(begin, _)| format!("{begin}: no exception is needed here")));
    nothing(&complaints);
}

/// Do files with these texts import each other? The arrows of the circles.
#[track_caller]
fn check(files: &[(&str, &str)], expected: &[&str]) {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    let arrows: Vec<String> =
        circles(&modules(files)).into_iter().flat_map(|(_, arrows)| arrows).collect();
    assert_eq!(arrows, expected);
}

#[test]
fn a_circle_is_found_whichever_way_it_is_imported() {
    let root = ("lib.rs", "mod a;\nmod b;\nmod c;");
    let leaf = ("c.rs", "pub(crate) struct C;");
    check(
        &[
            root,
            ("a.rs", "use crate::{b::B, c};"),
            ("b.rs", "use super::a::{self, A as It};"),
            leaf,
        ],
        &["a.rs -> b.rs: B", "b.rs -> a.rs: A"],
    );
    check(
        &[
            root,
            ("a.rs", "fn f(b: &crate::b::B<'_>) {}"),
            ("b.rs", "use crate::a;\nfn g() { a::f() }"),
            leaf,
        ],
        &["a.rs -> b.rs: B", "b.rs -> a.rs: f"],
    );
    // Over a third file, and by what the folder between passes on.
    check(
        &[
            ("lib.rs", "mod a;\nmod b;"),
            ("a.rs", "use crate::b::One;"),
            ("b/mod.rs", "mod one;\nmod two;\npub(crate) use {one::One, two::Two};"),
            ("b/one.rs", "use super::Two;"),
            ("b/two.rs", "use crate::a::A;"),
        ],
        &[
            "a.rs -> b/mod.rs: One",
            "a.rs -> b/one.rs: One",
            "b/mod.rs -> b/one.rs: One",
            "b/mod.rs -> b/two.rs: Two",
            "b/one.rs -> b/two.rs: Two",
            "b/two.rs -> a.rs: A",
        ],
    );
}

#[test]
fn what_is_no_circle_is_not_taken_for_one() {
    check(
        &[
            ("lib.rs", "mod a;\nmod b;\npub use a::A;"),
            // What a module is for its own, and what it has of them.
            ("a.rs", "mod own;\nuse own::Own;\npub struct A(Own, char);\nconst C: char = '\"';"),
            ("a/own.rs", "use super::A;\nuse crate::b::B;"),
            // Tests, comments and texts.
            (
                "b.rs",
                "// crate::a::A\nconst T: &str = \"crate::a::A\";\nconst R: &str = r#\"\"crate::a\"#;\n\
                 #[cfg(test)]\nmod tests { use crate::a::A; }\n/// [`A`](crate::a::A)\nstruct B;",
            ),
        ],
        &[],
    );
}
