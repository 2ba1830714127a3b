//! What neither a module of a catalogue nor a crate of scenarios can be called.

/// The keywords of Rust, those that are reserved for later, and crates that each file can name.
#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield", // The crates:
    "alloc", "core", "squall", "std",
];

/// Is this a name that Rust or this harness has taken?
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}
