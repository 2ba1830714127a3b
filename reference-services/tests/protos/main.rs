//! That the code and the descriptors in `protos/generated` are what the protos compile to, and that they break none of what
//! those of the last release have promised. With the variable `SQUALL_WRITE_PROTOS` they are
//! rewritten, and with `SQUALL_RELEASE_PROTOS` what is promised from now on.
//!
//! Their compiler is pure Rust, so that no `protoc` need be installed, and not compiled unless this
//! test is asked for: `cargo test --workspace --features reference-services/protos --test protos`.

mod contract;

use std::{
    fs,
    path::{Path, PathBuf},
};

use prost::Message;

const PROTOS: [&str; 9] = [
    "inventory.proto",
    "pricing.proto",
    "reviews.proto",
    "recommendations.proto",
    "catalog.proto",
    "queue.proto",
    "results.proto",
    "participant.proto",
    "notifications.proto",
];

fn protos() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("protos")
}

/// What is told to whoever asks a server what it can be asked: without comments.
const DESCRIPTORS: &str = "descriptors.bin";

/// The names and contents of the files in a folder, in order.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry"));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let content = fs::read(entry.path()).expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect();
    files.sort();
    files
}

#[test]
fn what_is_kept_is_what_the_protos_compile_to() {
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("protos");
    fs::create_dir_all(&compiled).expect("a folder");
    let descriptors = protox::compile(PROTOS, [protos()]).expect("protos");
    let mut bare = descriptors.clone();
    for file in &mut bare.file {
        file.source_code_info = None;
    }
    fs::write(compiled.join(DESCRIPTORS), bare.encode_to_vec()).expect("the folder is there");
    tonic_prost_build::configure()
        // A section of the public document is the reply of its dependency.
        .type_attribute(".", "#[derive(serde::Serialize)]")
        .out_dir(&compiled)
        .compile_fds(descriptors)
        .expect("code");
    let kept = protos().join("generated");
    if std::env::var_os("SQUALL_WRITE_PROTOS").is_some() {
        for (name, content) in files(&compiled) {
            fs::write(kept.join(name), content).expect("the folder is there");
        }
    }
    assert!(
        files(&kept) == files(&compiled),
        "{} is not what the protos compile to; look at the difference after `SQUALL_WRITE_PROTOS=1 \
         cargo test --workspace --features reference-services/protos --test protos`",
        kept.display()
    );
}

#[test]
fn what_was_promised_is_kept() {
    let descriptors = protox::compile(PROTOS, [protos()]).expect("protos");
    let now = contract::Contract::of(&descriptors);
    let path = protos().join("released.txt");
    if std::env::var_os("SQUALL_RELEASE_PROTOS").is_some() {
        fs::write(&path, now.write()).expect("the folder is there");
    }
    let text = fs::read_to_string(&path).expect("what the last release promised");
    let broken = contract::Contract::read(&text).broken_by(&now);
    assert!(
        broken.is_empty(),
        "these changes break those who speak the protos of the last release:\n{}\nIf nobody does, \
         release them: `SQUALL_RELEASE_PROTOS=1 cargo test --workspace --features \
         reference-services/protos --test protos`",
        broken.join("\n")
    );
}
