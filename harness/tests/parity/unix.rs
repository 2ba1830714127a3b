//! Unix sockets and pipes of threads that block.

use std::{
    io::{self, PipeWriter, Read as _, Write as _},
    os::{
        linux::net::SocketAddrExt as _,
        unix::net::{SocketAddr, UnixListener, UnixStream},
    },
    thread,
    time::{Duration, Instant},
};

use tokio::{net::UnixSocket, task::spawn_blocking};

use crate::case::{Done, Side, cases};

async fn does_nothing(it: Side) -> Done {
    it.done().await;
    Ok(())
}

/// Does something on a thread that may block.
async fn blocking(it: Side, act: fn(&Side) -> io::Result<()>) -> Done {
    let own = it.clone();
    spawn_blocking(move || act(&own)).await??;
    it.done().await;
    Ok(())
}

/// An abstract name that no other case has.
fn unused(case: &str) -> Vec<u8> {
    format!("squall-{}-{case}", std::process::id()).into_bytes()
}

async fn times_out(it: Side) -> Done {
    blocking(it, |it| {
        let (mut one, _other) = UnixStream::pair()?;
        it.say(format!("{:?} {:?}", one.read_timeout()?, one.write_timeout()?));
        one.set_read_timeout(Some(Duration::from_millis(40)))?;
        one.set_write_timeout(Some(Duration::from_millis(40)))?;
        it.say(format!("{:?} {:?}", one.read_timeout()?, one.write_timeout()?));
        let before = Instant::now();
        it.note("read", &one.read(&mut [0]));
        let all = vec![0; 1 << 20];
        let written = one.write(&all);
        it.same("part", written.is_ok_and(|count| count > 0 && count < all.len()), true);
        it.note("write", &one.write(&all));
        it.same("it took time", before.elapsed() >= Duration::from_millis(120), true);
        let listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(unused("time"))?)?;
        let copy = UnixStream::from(std::os::fd::OwnedFd::from(listener.try_clone()?));
        copy.set_read_timeout(Some(Duration::from_millis(20)))?;
        it.note("accept", &listener.accept().map(drop));
        Ok(())
    })
    .await
}

async fn goes_by_names(it: Side) -> Done {
    blocking(it, |it| {
        let name = unused("name");
        let address = SocketAddr::from_abstract_name(&name)?;
        let listener = UnixListener::bind_addr(&address)?;
        it.note("taken", &UnixListener::bind_addr(&address).map(drop));
        let client = UnixStream::connect_addr(&address)?;
        let (server, peer) = listener.accept()?;
        let is_name = |found: SocketAddr| found.as_abstract_name() == Some(&name);
        it.same("listener", is_name(listener.local_addr()?), true);
        it.same("peer of the client", is_name(client.peer_addr()?), true);
        it.same("server", is_name(server.local_addr()?), true);
        it.say(format!("client: {:?}", client.local_addr()?));
        it.say(format!("peer of the server: {:?} {peer:?}", server.peer_addr()?));

        // A path that is not whole is shown as it was given.
        let path = format!("squall-{}.socket", std::process::id());
        let listener = UnixListener::bind(&path)?;
        let whole = std::env::current_dir()?.join(&path);
        let client = UnixStream::connect(&whole)?;
        let is_path = |found: SocketAddr| found.as_pathname() == Some(path.as_ref());
        it.same("as it was given", is_path(listener.local_addr()?), true);
        it.same("to its peer as well", is_path(client.peer_addr()?), true);
        it.same("the file", whole.exists(), true);
        std::fs::remove_file(&path)?;
        it.note("without its file", &UnixStream::connect(&path).map(drop));
        it.say(format!("{:?}", UnixStream::pair()?.0.local_addr()?));
        Ok(())
    })
    .await
}

/// A listener with room for two that nobody has accepted.
fn with_two(name: &[u8]) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(std::path::Path::new(&std::ffi::OsString::from(
        String::from_utf8_lossy(name).into_owned(),
    )))?;
    let listener = socket.listen(1)?.into_std()?;
    listener.set_nonblocking(false)?;
    Ok(listener)
}

async fn finds_a_full_backlog(it: Side) -> Done {
    let path = std::env::temp_dir().join(format!("squall-full-{}", std::process::id()));
    std::fs::create_dir_all(&path)?;
    let path = path.join("socket");
    let listener = with_two(path.as_os_str().as_encoded_bytes())?;
    let connect = |path: std::path::PathBuf| spawn_blocking(move || UnixStream::connect(path));
    let _first = connect(path.clone()).await??;
    let _second = connect(path.clone()).await??;
    it.note("at once", &UnixSocket::new_stream()?.connect(&path).await.map(drop));
    let third = connect(path.clone());
    it.settle().await;
    it.say(format!("waits: {}", !third.is_finished()));
    let accepted = spawn_blocking(move || listener.accept().map(|_| listener));
    let listener = accepted.await??;
    it.note("let in", &third.await?.map(drop));
    let fourth = connect(path.clone());
    it.settle().await;
    it.say(format!("waits: {}", !fourth.is_finished()));
    drop(listener);
    it.note("nobody is there any more", &fourth.await?.map(drop));
    std::fs::remove_dir_all(path.parent().expect("it has one"))?;
    it.done().await;
    Ok(())
}

/// Reads slowly, and says how much there was.
fn reader(mut from: impl io::Read + Send + 'static) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let (mut all, mut some) = (0, [0; 7_777]);
        while let Ok(count @ 1..) = from.read(&mut some) {
            all += count;
            thread::sleep(Duration::from_micros(200));
        }
        all
    })
}

async fn writes_all(it: Side) -> Done {
    blocking(it, |it| {
        let much = vec![7; 500_000];
        let (mut one, other) = UnixStream::pair()?;
        let read = reader(other);
        it.value("socket", one.write(&much));
        drop(one);
        it.value("read", Ok(read.join().expect("it ends")));
        let (from, mut to) = io::pipe()?;
        let read = reader(from);
        it.value("pipe", to.write(&much));
        let parts = [io::IoSlice::new(&much), io::IoSlice::new(b"end")];
        it.value("parts", to.write_vectored(&parts));
        drop(to);
        it.value("read", Ok(read.join().expect("it ends")));
        // Whoever reads ends in the middle of a write.
        let (mut from, mut to) = io::pipe()?;
        let ends = thread::spawn(move || from.read(&mut [0; 5000]).map(drop));
        let written = to.write(&much);
        it.same("part", written.is_ok_and(|count| count > 5_000 && count < much.len()), true);
        ends.join().expect("it ends")?;
        it.note("write", &to.write(&much));
        Ok(())
    })
    .await
}

/// Writes pieces of this size until there is no room. How many bytes?
fn fill(pipe: &tokio::net::unix::pipe::Sender, piece: usize) -> usize {
    let mut all = 0;
    while let Ok(count) = pipe.try_write(&vec![1; piece]) {
        all += count;
    }
    all
}

async fn writes_pieces(it: Side) -> Done {
    use tokio::net::unix::pipe;
    for piece in [1, 1_000, 3_000, 4_096, 4_097, 5_000, 100_000] {
        let (sender, receiver) = pipe::pipe()?;
        sender.writable().await?;
        let all = fill(&sender, piece);
        let again: Vec<String> = [1_usize, 2_000, 4_096, 5_000]
            .iter()
            .map(|size| format!("{:?}", sender.try_write(&vec![2; *size]).ok()))
            .collect();
        receiver.readable().await?;
        let read = receiver.try_read(&mut [0; 3_000])?;
        let few = fill(&sender, 4_096);
        let more = receiver.try_read(&mut [0; 3_000])?;
        sender.writable().await?;
        let then = fill(&sender, 4_096);
        it.say(format!("{piece}: {all} {} {read} {few} {more} {then}", again.join(" ")));
    }
    it.done().await;
    Ok(())
}

async fn asks_pipes_for_options(it: Side) -> Done {
    blocking(it, |it| {
        let (from, to): (_, PipeWriter) = io::pipe()?;
        let stream = UnixStream::from(std::os::fd::OwnedFd::from(from));
        let error = stream.set_read_timeout(Some(Duration::from_millis(5)));
        it.say(format!("{:?}", error.map_err(|error| error.raw_os_error())));
        drop(to);
        Ok(())
    })
    .await
}

cases! {
    calls_wait_no_longer_than_they_may (alone) {
        does_nothing: [],
        times_out: [
            "None None", "Some(40ms) Some(40ms)", "read: WouldBlock", "part: same",
            "write: WouldBlock", "it took time: same", "accept: WouldBlock",
        ],
    }

    names_are_as_they_were_given (alone) {
        does_nothing: [],
        goes_by_names: [
            "taken: AddrInUse", "listener: same", "peer of the client: same", "server: same",
            "client: (unnamed)", "peer of the server: (unnamed) (unnamed)",
            "as it was given: same", "to its peer as well: same", "the file: same",
            "without its file: NotFound", "(unnamed)",
        ],
    }

    a_full_backlog_lets_nobody_in (alone) {
        does_nothing: [],
        finds_a_full_backlog: [
            "at once: WouldBlock", "waits: true", "let in: ok", "waits: true",
            "nobody is there any more: ConnectionRefused",
        ],
    }

    a_write_that_may_wait_writes_all (alone) {
        does_nothing: [],
        writes_all: [
            "socket: 500000", "read: 500000", "pipe: 500000", "parts: 500003", "read: 1000003",
            "part: same", "write: BrokenPipe",
        ],
    }

    /// How much fits into a pipe, and what of it is done as a whole.
    a_pipe_has_pages (alone) {
        does_nothing: [],
        writes_pieces: [
            "1: 65536 None None None None 3000 0 3000 4096",
            "1000: 64000 None None None None 3000 0 3000 4096",
            "3000: 48000 None None None None 3000 0 3000 8192",
            "4096: 65536 None None None None 3000 0 3000 4096",
            "4097: 45066 None None None None 3000 0 3000 8192",
            "5000: 54096 None None None None 3000 0 3000 8192",
            "100000: 65536 None None None None 3000 0 3000 4096",
        ],
    }

    a_pipe_is_no_socket (alone) {
        does_nothing: [],
        asks_pipes_for_options: ["Err(Some(88))"],
    }
}
