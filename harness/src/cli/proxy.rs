//! `squall proxy`: a TCP proxy with toxics, driven over the HTTP API of Toxiproxy.

use std::{fs, path::Path, sync::Arc};

use squall_proxy::{Options, Server, Shown, StartError, raise_descriptor_limit};

use super::{Exit, Failure, args, interrupt::Asked, output, print, say};

/// More than the API takes at once.
const CONFIG_MAX: u64 = 4 * 1024 * 1024;

pub(super) fn proxy(args: &args::Proxy) -> Result<Exit, Failure> {
    let config = args.config.as_deref().map(read).transpose()?;
    // Each connection takes two, and many systems begin with a limit of 1,024.
    raise_descriptor_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::harness)?;
    let ended = runtime.block_on(async {
        let server = Server::start(options(args)).await.map_err(|error| match error {
            StartError::NotLoopback(_) => {
                Failure::bad_input(format!("{error}; --allow-remote lets it listen there"))
            }
            error => Failure::bad_input(error),
        })?;
        if let (Some(text), Some(path)) = (config, &args.config) {
            let populated = server.populate(&text).await;
            populated.map_err(|why| Failure::bad_input(format!("{}: {why}", path.display())))?;
        }
        // Who is told the address may ask the server to stop at once.
        let mut asked = Asked::listen().map_err(Failure::harness)?;
        print(&format!("listening on http://{}/\n", server.address()));
        // Nobody would know where it listens.
        output::finish().map_err(Failure::bad_input)?;
        asked.stopped().await;
        server.stop().await;
        Ok(())
    });
    // A name that is being looked up is nobody's concern any more.
    runtime.shutdown_background();
    ended.map(|()| Exit::Pass)
}

fn options(args: &args::Proxy) -> Options {
    let args::Proxy { host, port, .. } = args;
    let mut options = Options::default();
    options.listen =
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    options.seed = args.seed;
    options.allow_remote = args.allow_remote;
    options.metrics = Shown {
        proxies: args.proxy_metrics,
        connections: args.connection_metrics,
        process: args.runtime_metrics,
    };
    options.log = Arc::new(say);
    options
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: String| Failure::bad_input(format!("cannot read {}: {why}", path.display()));
    let found = fs::metadata(path).map_err(|error| wrong(error.to_string()))?;
    if !found.is_file() {
        return Err(wrong("it is not a file".to_owned()));
    }
    if found.len() > CONFIG_MAX {
        return Err(wrong(format!("it has more than {CONFIG_MAX} bytes")));
    }
    fs::read(path).map_err(|error| wrong(error.to_string()))
}
