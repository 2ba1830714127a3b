//! Images of programs of this machine with the libraries that they need, and nothing else. They are made
//! without a network and without a compiler. Functions run in one of these, and the proxies.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt;
use tar::{Builder, EntryType, Header};
use testcontainers::{
    GenericImage,
    bollard::{
        body_full,
        errors::Error,
        query_parameters::{
            CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
        },
    },
    runners::AsyncRunner,
};

use super::{
    elf,
    engine::{Engine, USER, reason},
};
use crate::{backend::real::FILES, service::chain};

/// Where programs are in an image.
const PROGRAMS: &str = "usr/local/bin";

/// So much of the hash of what is in an image is its tag.
const TAG_LENGTH: usize = 16;

/// How long an image is kept at least that is not the program's any more.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// The image of a program.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) tag: String,
    /// What the program is called there.
    program: String,
}

impl Image {
    /// What a container runs that is this program with these arguments.
    pub(super) fn command<'a>(
        &'a self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let program = format!("/{PROGRAMS}/{}", self.program);
        std::iter::once(program).chain(arguments.into_iter().map(str::to_owned)).collect()
    }
}

/// The image of `program`, which is made if the engine does not have it: it is known by what is in it.
///
/// # Errors
///
/// In a sentence.
pub(super) async fn build(engine: &Engine, program: &Path) -> Result<Image, String> {
    let packed = packed(&[program.to_owned()])?;
    let stem = program.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = stem.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let mut tag = blake3::hash(&packed.content).to_hex().to_string();
    tag.truncate(TAG_LENGTH);
    let name = format!("squall-{}", stem.trim_matches('-'));
    let image = Image { name, tag, program: name_of(program) };
    let full = format!("{}:{}", image.name, image.tag);
    if engine.0.inspect_image(&full).await.is_ok() {
        return Ok(image);
    }
    import(engine, (&image.name, &image.tag), packed).await?;
    remove_older(engine, &image).await;
    Ok(image)
}

/// Makes an image of several programs, and calls it `name`, of which the tag is `latest` if it has none:
/// its full name.
///
/// # Errors
///
/// In a sentence.
pub(super) async fn build_named(
    engine: &Engine,
    name: &str,
    programs: &[PathBuf],
) -> Result<String, String> {
    let (name, tag) = name_and_tag(name);
    let full = format!("{name}:{tag}");
    let before = engine.0.inspect_image(&full).await.ok().and_then(|image| image.id);
    import(engine, (name, tag), packed(programs)?).await?;
    let now = engine.0.inspect_image(&full).await.ok().and_then(|image| image.id);
    if let Some(before) = before.filter(|before| Some(before) != now.as_ref()) {
        // One that is used stays.
        let options = RemoveImageOptionsBuilder::new().build();
        let _ = engine.0.remove_image(&before, Some(options), None).await;
    }
    Ok(full)
}

/// Finds an image of somebody else, and pulls it if the engine does not have it.
///
/// # Errors
///
/// In a sentence.
pub(super) async fn find(engine: &Engine, named: &str) -> Result<(), String> {
    match engine.0.inspect_image(named).await {
        Ok(_) => return Ok(()),
        Err(Error::DockerResponseServerError { status_code: 404, .. }) => {}
        Err(error) => return Err(format!("the image {named}: {}", reason(&error))),
    }
    let (name, tag) = name_and_tag(named);
    let pulled = GenericImage::new(name, tag).pull_image().await;
    pulled.map(drop).map_err(|error| {
        format!("the image {named} is not there, and cannot be pulled: {}", chain(&error))
    })
}

/// What an image is called. A port of a registry is in the part before the last slash.
pub(super) fn name_and_tag(name: &str) -> (&str, &str) {
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, "latest"),
    }
}

fn name_of(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Hands a file system to the engine as an image.
async fn import(engine: &Engine, (name, tag): (&str, &str), packed: Packed) -> Result<(), String> {
    // There is no list of libraries as `ldconfig` makes it.
    let folders: Vec<String> = packed.folders.iter().map(|it| it.display().to_string()).collect();
    let changes = vec![
        format!("ENV PATH=/{PROGRAMS} LD_LIBRARY_PATH={}", folders.join(":")),
        format!("USER {}", USER.1),
    ];
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(name)
        .tag(tag)
        .changes(changes)
        .message("programs and their libraries")
        .build();
    let made = engine.0.create_image(Some(options), Some(body_full(packed.content.into())), None);
    let made = made.try_collect::<Vec<_>>().await;
    made.map(drop).map_err(|error| format!("the engine makes no image: {}", reason(&error)))
}

/// Images of what the program was before are of no use any more, unless somebody uses them: one that is young
/// may be that of a run which is about to begin.
async fn remove_older(engine: &Engine, image: &Image) {
    let filters = [("reference".to_owned(), vec![image.name.clone()])].into();
    let options = ListImagesOptionsBuilder::new().filters(&filters).build();
    let own = format!("{}:{}", image.name, image.tag);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let young = i64::try_from(now.saturating_sub(KEPT_FOR).as_secs()).unwrap_or(0);
    let older = engine.0.list_images(Some(options)).await.unwrap_or_default().into_iter();
    for older in older.filter(|image| image.created < young) {
        for tag in older.repo_tags.into_iter().filter(|tag| *tag != own) {
            let options = RemoveImageOptionsBuilder::new().build();
            let _ = engine.0.remove_image(&tag, Some(options), None).await;
        }
    }
}

/// The file system of an image.
struct Packed {
    /// As an archive.
    content: Vec<u8>,
    /// Where libraries are in it.
    folders: BTreeSet<PathBuf>,
}

/// The file system of an image with these programs and the libraries that they need, each where it is on
/// this machine.
fn packed(programs: &[PathBuf]) -> Result<Packed, String> {
    let (mut archive, mut libraries) = (Builder::new(Vec::new()), BTreeSet::new());
    let mut names = BTreeSet::new();
    for program in programs {
        let name = name_of(program);
        if !names.insert(name.clone()) {
            return Err(format!("expected programs with different names, found {name} twice"));
        }
        let content = read(program)?;
        libraries.extend(elf::libraries(program, &content)?);
        append(&mut archive, &format!("{PROGRAMS}/{}", name_of(program)), &content)?;
    }
    for library in &libraries {
        let path = library.to_string_lossy();
        append(&mut archive, path.trim_start_matches('/'), &read(library)?)?;
    }
    for (folder, mode) in [(FILES, 0o755), ("tmp", 0o1777)] {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        header.set_mode(mode);
        header.set_uid(USER.0);
        header.set_gid(USER.0);
        let appended = archive.append_data(&mut header, format!("{folder}/"), io::empty());
        appended.map_err(|error| format!("cannot pack {folder}: {error}"))?;
    }
    let content = archive.into_inner();
    let content = content.map_err(|error| format!("cannot pack an image: {error}"))?;
    let folders = libraries.iter().filter_map(|it| Some(it.parent()?.to_owned())).collect();
    Ok(Packed { content, folders })
}

fn append(archive: &mut Builder<Vec<u8>>, path: &str, content: &[u8]) -> Result<(), String> {
    let mut header = Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o755);
    let appended = archive.append_data(&mut header, path, content);
    appended.map_err(|error| format!("cannot pack {path}: {error}"))
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::name_and_tag;

    #[test]
    fn a_port_of_a_registry_is_no_tag() {
        for (name, expected) in [
            ("squall:local", ("squall", "local")),
            ("squall", ("squall", "latest")),
            ("localhost:5000/squall", ("localhost:5000/squall", "latest")),
            ("localhost:5000/squall:1", ("localhost:5000/squall", "1")),
        ] {
            assert_eq!(name_and_tag(name), expected, "{name}");
        }
    }
}
