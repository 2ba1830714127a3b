//! Unix sockets, pairs of sockets and pipes, against those of the machine.

use std::{
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream, unix::pipe},
};

use crate::world::{World, ms};

fn told<T: std::fmt::Debug>(result: io::Result<T>) -> String {
    format!("{:?}", result.map_err(|error| error.kind()))
}

/// What tasks and threads of one process say to each other, told step by step.
async fn story(root: PathBuf) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut tell = |what: &str, found: String| lines.push(format!("{what}: {found}"));
    let name = root.join("socket");

    tell("nobody listens", told(UnixStream::connect(&name).await.map(drop)));
    let listener = UnixListener::bind(&name)?;
    tell("the name is a file", told(name.try_exists()));
    tell("it is taken", told(UnixListener::bind(&name).map(drop)));
    let own = listener.local_addr()?;
    tell("its name", format!("{}", own.as_pathname() == Some(Path::new(&name))));

    // Connected before anybody accepts, with what was written meanwhile.
    let mut client = UnixStream::connect(&name).await?;
    client.write_all(b"early").await?;
    let (mut server, peer) = listener.accept().await?;
    tell("the client has no name", format!("{}", peer.is_unnamed()));
    let mut five = [0; 5];
    server.read_exact(&mut five).await?;
    tell("read", String::from_utf8_lossy(&five).into_owned());
    tell("nothing more", told(server.try_read(&mut five)));
    let answered = tokio::spawn(async move {
        server.write_all(b"answer").await?;
        server.shutdown().await?;
        let mut rest = String::new();
        server.read_to_string(&mut rest).await?;
        Ok::<_, io::Error>(rest)
    });
    let mut answer = String::new();
    client.read_to_string(&mut answer).await?;
    tell("answer", answer);
    client.write_all(b"rest").await?;
    drop(client);
    tell("the rest", told(answered.await?));

    // Full, and empty again.
    let (one, other) = UnixStream::pair()?;
    let mut written = 0;
    let full = loop {
        one.writable().await?;
        match one.try_write(&[7; 1000]) {
            Ok(count) => written += count,
            Err(error) => break error.kind(),
        }
    };
    tell("full", format!("{full:?}"));
    let mut read = 0;
    let mut buffer = vec![0; 4096];
    while read < written {
        other.readable().await?;
        if let Ok(count) = other.try_read(&mut buffer) {
            read += count;
        }
    }
    tell("all of it came, and no more", format!("{}", read == written));
    one.writable().await?;
    tell("room again", told(one.try_write(&[1])));
    drop(other);
    let mut one = one;
    tell("the other is gone", told(one.write_all(b"x").await));

    // The listener goes, and its name stays.
    drop(listener);
    tell("refused", told(UnixStream::connect(&name).await.map(drop)));
    std::fs::remove_file(&name)?;
    tell("removed", told(UnixStream::connect(&name).await.map(drop)));

    // Pipes, of tasks and of threads.
    let (mut sender, mut receiver) = pipe::pipe()?;
    let sent = tokio::spawn(async move { sender.write_all(&[3; 200_000]).await });
    let mut all = Vec::new();
    receiver.read_to_end(&mut all).await?;
    tell("through the pipe", format!("{} {}", all.len(), told(sent.await?)));
    let (mut reader, mut writer) = io::pipe()?;
    let writes = std::thread::spawn(move || writer.write_all(&[4; 100_000]));
    let reads = tokio::task::spawn_blocking(move || {
        let mut all = Vec::new();
        reader.read_to_end(&mut all).map(|_| all.len())
    });
    tell("between threads", told(reads.await?));
    tell("written", told(writes.join().expect("it ends")));
    let (reader, mut writer) = io::pipe()?;
    drop(reader);
    tell("nobody reads", told(writer.write_all(b"x")));
    Ok(lines)
}

#[test]
fn unix_sockets_and_pipes_do_in_a_run_what_they_do_on_the_machine() {
    let root = std::env::temp_dir().join(format!("squall-unix-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("there is a place for it");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let real = runtime.expect("a runtime").block_on(story(root.clone())).expect("a whole story");
    std::fs::remove_dir_all(&root).expect("it is ours");

    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = Arc::clone(&told);
    World::new()
        .host("a", move || {
            let teller = Arc::clone(&teller);
            async move {
                std::fs::create_dir("/story")?;
                let lines = story(PathBuf::from("/story")).await?;
                *teller.lock().expect("nobody panics") = lines;
                std::future::pending().await
            }
        })
        .plan(|plan| plan.lasts(ms(1_000)))
        .completes(1);
    let simulated = told.lock().expect("nobody panics").clone();
    for (real, simulated) in real.iter().zip(&simulated) {
        assert_eq!(simulated, real, "in the run, and on the machine");
    }
    assert_eq!(simulated.len(), real.len());
}
