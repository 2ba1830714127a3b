//! The image that functions run in, and the proxies: a program of this machine with the libraries that it
//! has loaded, and nothing else. It is made without a network and without a compiler.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use futures_util::TryStreamExt;
use tar::{Builder, EntryType, Header};
use testcontainers::bollard::{
    body_full,
    query_parameters::{
        CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptionsBuilder,
    },
};

use super::engine::{Engine, USER, reason};
use crate::backend::real::FILES;

/// Where the program is in the image.
const PROGRAM: &str = "squall";

/// Where its libraries are.
const LIBRARIES: &str = "lib";

/// So much of the hash of what is in an image is its tag.
const TAG_LENGTH: usize = 16;

/// How long an image is kept at least that is not the program's any more.
const KEPT_FOR: Duration = Duration::from_secs(3600);

/// The image of a program.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) name: String,
    pub(super) tag: String,
    /// The loader of its libraries, if it has any.
    loader: Option<String>,
}

impl Image {
    /// What a container runs that is this program with these arguments.
    pub(super) fn command<'a>(
        &'a self,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Vec<String> {
        let program = format!("/{PROGRAM}");
        let libraries = format!("/{LIBRARIES}");
        let loader = self.loader.iter().flat_map(|loader| {
            [format!("/{LIBRARIES}/{loader}"), "--library-path".to_owned(), libraries.clone()]
        });
        let loader: Vec<String> = loader.collect();
        let arguments = arguments.into_iter().map(str::to_owned);
        loader.into_iter().chain([program]).chain(arguments).collect()
    }
}

/// The image of `program`, which is made if the engine does not have it: it is known by what is in it.
///
/// # Errors
///
/// In a sentence.
pub(super) async fn build(engine: &Engine, program: &Path) -> Result<Image, String> {
    let read = |error: io::Error| format!("cannot read {}: {error}", program.display());
    let content = fs::read(program).map_err(read)?;
    let libraries = libraries().map_err(|error| format!("cannot read what is loaded: {error}"))?;
    let stem = program.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let stem = stem.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-");
    let packed = packed(&content, &libraries);
    let packed = packed.map_err(|error| format!("cannot pack {}: {error}", program.display()))?;
    let mut tag = blake3::hash(&packed).to_hex().to_string();
    tag.truncate(TAG_LENGTH);
    let image = Image {
        name: format!("squall-{}", stem.trim_matches('-')),
        tag,
        loader: libraries.iter().find_map(|path| {
            let name = path.file_name()?.to_str()?;
            name.starts_with("ld-").then(|| name.to_owned())
        }),
    };
    let full = format!("{}:{}", image.name, image.tag);
    if engine.0.inspect_image(&full).await.is_ok() {
        return Ok(image);
    }
    let options = CreateImageOptionsBuilder::new()
        .from_src("-")
        .repo(&image.name)
        .tag(&image.tag)
        .message("a program and its libraries")
        .build();
    let made = engine.0.create_image(Some(options), Some(body_full(packed.into())), None);
    let made = made.try_collect::<Vec<_>>().await;
    made.map_err(|error| format!("the engine makes no image of it: {}", reason(&error)))?;
    remove_older(engine, &image).await;
    Ok(image)
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

/// The libraries that this program has loaded, and their loader: those of a program on this machine.
fn libraries() -> io::Result<Vec<PathBuf>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    let paths = maps.lines().filter_map(|line| {
        let path = Path::new(line.split_whitespace().nth(5)?);
        let name = path.file_name()?.to_str()?;
        let is_library = name.contains(".so.") || name.ends_with(".so");
        (path.is_absolute() && is_library).then(|| path.to_owned())
    });
    let mut paths: Vec<PathBuf> = paths.collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

/// The file system of the image.
fn packed(content: &[u8], libraries: &[PathBuf]) -> io::Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    let file = |archive: &mut Builder<Vec<u8>>, path: &str, content: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, path, content)
    };
    file(&mut archive, PROGRAM, content)?;
    for library in libraries {
        let name = library.file_name().unwrap_or_default().to_string_lossy();
        file(&mut archive, &format!("{LIBRARIES}/{name}"), &fs::read(library)?)?;
    }
    for (folder, mode) in [(FILES, 0o755), ("tmp", 0o1777)] {
        let mut header = Header::new_gnu();
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        header.set_mode(mode);
        header.set_uid(USER.0);
        header.set_gid(USER.0);
        archive.append_data(&mut header, format!("{folder}/"), io::empty())?;
    }
    archive.into_inner()
}
