//! The simulated open file.
//!
//! It works as `tokio::fs::File` does, which has another thread do the work: one request is
//! under way at a time, a write counts as done when it was handed over, and its error comes later.

use std::{
    future::poll_fn,
    io::{self, SeekFrom},
    path::Path,
    pin::Pin,
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use super::disk::{DiskAnswer, DiskRequest, Pending, ask_disk};

/// As much is read or written at once, at most: as much as with Tokio.
const BYTES_MAX: usize = 2 << 20;

/// A file on the disk of a simulated host.
#[derive(Debug)]
pub struct File {
    number: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What was read from the disk, and how much of it was handed out.
    read: Vec<u8>,
    handed_out: usize,
    under_way: Option<(Kind, Pending)>,
    /// How the last write has failed, if nobody was told yet.
    failed: Option<io::ErrorKind>,
    position: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
    Seek,
}

impl File {
    /// Opens a file on the disk of the current host.
    ///
    /// # Errors
    ///
    /// As `open(2)`.
    pub(crate) async fn open(request: DiskRequest) -> io::Result<Self> {
        let number = ask_disk(request).await?.number();
        Ok(Self { number, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&mut self) -> &mut State {
        self.state.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for what is under way; that a write has failed is told later.
    async fn settle(&self) {
        poll_fn(|cx| self.state().poll_settled(cx)).await;
    }

    pub(crate) async fn sync_all(&self) -> io::Result<()> {
        self.settle().await;
        ask_disk(DiskRequest::Sync { file: self.number }).await.map(|_| ())
    }

    pub(crate) async fn sync_data(&self) -> io::Result<()> {
        self.sync_all().await
    }

    pub(crate) async fn set_len(&self, len: u64) -> io::Result<()> {
        self.settle().await;
        // As with Tokio, what was read ahead is read again.
        let back = self.state().discard();
        if back > 0 {
            let to = SeekFrom::Current(-back);
            ask_disk(DiskRequest::Seek { file: self.number, to }).await?;
        }
        ask_disk(DiskRequest::SetLen { file: self.number, len }).await.map(|_| ())
    }

    pub(crate) async fn metadata(&self) -> io::Result<DiskAnswer> {
        ask_disk(DiskRequest::Status { file: self.number }).await
    }
}

impl State {
    fn start(&mut self, kind: Kind, request: DiskRequest) {
        self.under_way = Pending::submit(request).map(|pending| (kind, pending));
    }

    /// Drops what was read and not handed out, and returns how much that is.
    fn discard(&mut self) -> i64 {
        let left = self.read.len() - self.handed_out;
        self.read.clear();
        self.handed_out = 0;
        i64::try_from(left).unwrap_or(0)
    }

    /// Waits for the request that is under way. What was read is kept, and so is where a seek led.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Kind>>> {
        let Some((kind, pending)) = &self.under_way else { return Poll::Ready(Ok(None)) };
        let kind = *kind;
        let answer = ready!(pending.poll(cx));
        self.under_way = None;
        if kind == Kind::Write
            && let Err(error) = &answer
        {
            self.failed = Some(error.kind());
        }
        match answer? {
            DiskAnswer::Data(data) => (self.read, self.handed_out) = (data, 0),
            DiskAnswer::Number(position) => self.position = position,
            _ => {}
        }
        Poll::Ready(Ok(Some(kind)))
    }

    fn poll_settled(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_done(cx).map(|_| ())
    }

    /// The error that a write has ended with, which is told once.
    fn told(&mut self) -> io::Result<()> {
        self.failed.take().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl AsyncRead for File {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let file = self.number;
        let state = self.state_mut();
        loop {
            let done = match ready!(state.poll_done(cx)) {
                Ok(done) => done,
                // A failed write is told to the next one.
                Err(_) if state.failed.is_some() => continue,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let left = &state.read[state.handed_out..];
            if !left.is_empty() || done == Some(Kind::Read) || buf.remaining() == 0 {
                let taken = left.len().min(buf.remaining());
                buf.put_slice(&left[..taken]);
                state.handed_out += taken;
                return Poll::Ready(Ok(()));
            }
            let bytes_max = buf.remaining().min(BYTES_MAX);
            state.start(Kind::Read, DiskRequest::Read { file, bytes_max });
            if state.under_way.is_none() {
                return Poll::Pending;
            }
        }
    }
}

impl AsyncSeek for File {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let file = self.number;
        let state = self.state_mut();
        if state.under_way.is_some() {
            return Err(io::Error::other(
                "other file operation is pending, call poll_complete before start_seek",
            ));
        }
        let back = state.discard();
        let to = match position {
            SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(back)),
            other => other,
        };
        state.start(Kind::Seek, DiskRequest::Seek { file, to });
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let state = self.state_mut();
        loop {
            match ready!(state.poll_done(cx)) {
                Ok(None | Some(Kind::Seek)) => return Poll::Ready(Ok(state.position)),
                Ok(Some(_)) => {}
                Err(_) if state.failed.is_some() => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for File {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let file = self.number;
        let state = self.state_mut();
        ready!(state.poll_settled(cx));
        state.told()?;
        let back = state.discard().unsigned_abs();
        let taken = buf.len().min(BYTES_MAX);
        let data = buf[..taken].to_vec();
        state.start(Kind::Write, DiskRequest::Write { file, back, data });
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = self.state_mut();
        ready!(state.poll_settled(cx));
        Poll::Ready(state.told())
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // After the write that may be under way.
        drop(Pending::submit(DiskRequest::Close { file: self.number }));
    }
}

/// The content of the file at `path`.
pub(crate) async fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let request = DiskRequest::Open {
        path: path.to_owned(),
        read: true,
        write: false,
        append: false,
        truncate: false,
        create: false,
        create_new: false,
    };
    let file = File::open(request).await?;
    let mut content = Vec::new();
    loop {
        let request = DiskRequest::Read { file: file.number, bytes_max: BYTES_MAX };
        let read = ask_disk(request).await?.data();
        content.extend_from_slice(&read);
        if read.len() < BYTES_MAX {
            return Ok(content);
        }
    }
}
