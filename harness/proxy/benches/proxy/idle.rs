//! The memory of connections that do nothing, in a process that does nothing else.

use std::{
    fs,
    process::{Command, Stdio},
};

use squall_proxy::{Client, Options, ProxyConfig, Server, raise_descriptor_limit};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use crate::runtime;

/// What the child is told to do.
pub(crate) const CHILD: &str = "--serve-in-a-process-of-its-own";

/// A server that says where it is and ends with its standard input.
pub(crate) fn child() {
    raise_descriptor_limit();
    runtime().block_on(async {
        let server = Server::start(Options::default()).await.expect("a server");
        println!("http://{}", server.address());
        let mut all = Vec::new();
        tokio::io::stdin().read_to_end(&mut all).await.expect("an end");
    });
}

fn resident_kb(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Prints what so many connections take that have carried a byte both ways, or as many as there may
/// be.
pub(crate) fn measure(connections: usize) {
    let most = usize::try_from(raise_descriptor_limit() / 2).unwrap_or(usize::MAX);
    let connections = connections.min(most.saturating_sub(50));
    runtime().block_on(async {
        let own = std::env::current_exe().expect("this program has a path");
        let mut child = tokio::process::Command::from(Command::new(own))
            .arg(CHILD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it can be started");
        let process = child.id().expect("it runs");
        let mut said = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let url = said.next_line().await.expect("a line").expect("a line");
        let service = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let upstream = service.local_addr().expect("an address").to_string();
        let client = Client::new(&url).expect("a URL");
        let config = ProxyConfig::new("idle", "127.0.0.1:0", upstream);
        let listen = client.create(&config).await.expect("a proxy").listen;
        let before = resident_kb(process);
        let mut ends = Vec::new();
        for _ in 0..connections {
            let mut near = TcpStream::connect(&listen).await.expect("a proxy");
            let (mut far, _) = service.accept().await.expect("a client");
            near.write_u8(1).await.expect("a byte");
            far.read_u8().await.expect("a byte");
            far.write_u8(2).await.expect("a byte");
            near.read_u8().await.expect("a byte");
            ends.push((near, far));
        }
        let after = resident_kb(process);
        let each = (after - before) / f64::from(u32::try_from(connections).expect("a number"));
        println!(
            "{connections} idle connections: resident {:.1} MB before, {:.1} MB with them, {each:.1} kB each",
            before / 1024.0,
            after / 1024.0,
        );
        drop(child.stdin.take());
        child.wait().await.expect("it ends");
    });
}
