//! `File` and `OpenOptions`.

use std::{
    io::{self, SeekFrom},
    path::Path,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::Metadata;

/// An open file with the interface of `tokio::fs::File`.
#[derive(Debug)]
pub struct File(Inner);

#[derive(Debug)]
enum Inner {
    Os(tokio::fs::File),
    #[cfg(feature = "sim")]
    Sim(crate::sim::File),
}

/// Calls the same method on whichever file this is.
macro_rules! either {
    ($inner:expr, $file:ident => $call:expr) => {
        match $inner {
            Inner::Os($file) => $call,
            #[cfg(feature = "sim")]
            Inner::Sim($file) => $call,
        }
    };
}

impl File {
    /// Opens a file for reading.
    ///
    /// # Errors
    ///
    /// As `tokio::fs::File::open`: there is none at `path`.
    pub async fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().read(true).open(path).await
    }

    /// Opens a file for writing; it is created if it is not there, and emptied if it is.
    ///
    /// # Errors
    ///
    /// As `tokio::fs::File::create`: there is no directory to put it in, or `path` is one.
    pub async fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::options().write(true).create(true).truncate(true).open(path).await
    }

    /// Options with which a file can be opened in other ways.
    #[must_use]
    pub fn options() -> OpenOptions {
        OpenOptions::new()
    }

    /// Makes the content durable, and the length with it.
    ///
    /// # Errors
    ///
    /// As the operating system's `fsync`. A write that has failed does not show here but at
    /// the next write or `flush`. What could not be written may be lost although a later call
    /// succeeds.
    pub async fn sync_all(&self) -> io::Result<()> {
        either!(&self.0, file => file.sync_all().await)
    }

    /// Makes the content durable, as [`sync_all`](Self::sync_all) does, but not the times.
    ///
    /// # Errors
    ///
    /// As the operating system's `fdatasync`.
    pub async fn sync_data(&self) -> io::Result<()> {
        either!(&self.0, file => file.sync_data().await)
    }

    /// Cuts the file off, or fills it up with zeros, at `size` bytes.
    ///
    /// # Errors
    ///
    /// As the operating system's `ftruncate`: the file is not open for writing, or the disk is
    /// full.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        either!(&self.0, file => file.set_len(size).await)
    }

    /// What is known of the file.
    ///
    /// # Errors
    ///
    /// As the operating system's `fstat`.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        either!(&self.0, file => file.metadata().await.map(Metadata::from))
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(&mut self.0, file => Pin::new(file).poll_read(cx, buf))
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        either!(&mut self.0, file => Pin::new(file).start_seek(position))
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        either!(&mut self.0, file => Pin::new(file).poll_complete(cx))
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(&mut self.0, file => Pin::new(file).poll_write(cx, buf))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, file => Pin::new(file).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, file => Pin::new(file).poll_shutdown(cx))
    }
}

/// How a file is opened, with the interface of `tokio::fs::OpenOptions`.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    read: bool,
    write: bool,
    append: bool,
    truncate: bool,
    create: bool,
    create_new: bool,
}

impl OpenOptions {
    /// Options that are all off.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// For reading.
    pub fn read(&mut self, read: bool) -> &mut Self {
        self.read = read;
        self
    }

    /// For writing.
    pub fn write(&mut self, write: bool) -> &mut Self {
        self.write = write;
        self
    }

    /// For writing at the end, wherever the end is by then.
    pub fn append(&mut self, append: bool) -> &mut Self {
        self.append = append;
        self
    }

    /// Empties the file. It must be opened for writing.
    pub fn truncate(&mut self, truncate: bool) -> &mut Self {
        self.truncate = truncate;
        self
    }

    /// Creates the file if it is not there. It must be opened for writing or appending.
    pub fn create(&mut self, create: bool) -> &mut Self {
        self.create = create;
        self
    }

    /// Creates the file, which must not be there.
    pub fn create_new(&mut self, create_new: bool) -> &mut Self {
        self.create_new = create_new;
        self
    }

    /// Opens the file at `path`.
    ///
    /// # Errors
    ///
    /// As `tokio::fs::OpenOptions::open`: the file is not there or must not be, or the options
    /// contradict each other.
    pub async fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        #[cfg(feature = "sim")]
        if crate::sim::active() {
            let request = crate::sim::DiskRequest::Open {
                path: path.as_ref().to_owned(),
                read: self.read,
                write: self.write,
                append: self.append,
                truncate: self.truncate,
                create: self.create,
                create_new: self.create_new,
            };
            return Ok(File(Inner::Sim(crate::sim::File::open(request).await?)));
        }
        let mut options = tokio::fs::OpenOptions::new();
        options.read(self.read).write(self.write).append(self.append).truncate(self.truncate);
        options.create(self.create).create_new(self.create_new);
        Ok(File(Inner::Os(options.open(path).await?)))
    }
}

/// The content of the file at `path`.
///
/// # Errors
///
/// As `tokio::fs::read`: there is none, or it cannot be read.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        return crate::sim::read_file(path.as_ref()).await;
    }
    tokio::fs::read(path).await
}

/// The content of the file at `path`, which is text.
///
/// # Errors
///
/// As `tokio::fs::read_to_string`: as [`read`], or the content is no UTF-8.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let content = read(path).await?;
    String::from_utf8(content).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Makes `content` that of the file at `path`; it is created if it is not there. Nothing is
/// synced.
///
/// # Errors
///
/// As `tokio::fs::write`: the file cannot be opened, or the disk is full.
pub async fn write(path: impl AsRef<Path>, content: impl AsRef<[u8]>) -> io::Result<()> {
    #[cfg(feature = "sim")]
    if crate::sim::active() {
        use tokio::io::AsyncWriteExt as _;
        let mut file = File::create(path).await?;
        file.write_all(content.as_ref()).await?;
        return file.flush().await;
    }
    tokio::fs::write(path, content).await
}
