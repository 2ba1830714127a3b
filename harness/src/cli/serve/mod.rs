//! `squall serve`: the records of a folder in a browser, as they come.

mod app;
mod folder;
mod names;

use std::{sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::{sync::watch, task::JoinSet};

use self::{app::app, folder::Folder, names::Names};
use super::{Exit, Failure, args, interrupt::Asked, output, print, say};
use crate::catalogue::Catalogue;

/// A browser opens six; a page in each of a few windows is what there is.
const CONNECTIONS_MAX: usize = 128;

const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// How long answers may take to go out after the server was asked to stop.
const GRACE: Duration = Duration::from_secs(2);

const ACCEPT_RETRY: Duration = Duration::from_millis(50);

pub(super) fn serve(catalogue: &Catalogue, args: &args::Serve) -> Result<Exit, Failure> {
    let folder = Arc::new(Folder::open(&args.folder).map_err(Failure::bad_input)?);
    if let Some(word) = folder.first_word() {
        say(&word);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::harness)?;
    let ended = runtime.block_on(async {
        let listener = TcpListener::bind(args.listen).await.map_err(|error| {
            Failure::bad_input(format!("cannot listen on {}: {error}", args.listen))
        })?;
        let address = listener.local_addr().map_err(Failure::harness)?;
        folder.watch().map_err(Failure::harness)?;
        // Who is told the address may ask the server to stop at once.
        let asked = Asked::listen().map_err(Failure::harness)?;
        print(&format!("serving {} on http://{address}/\n", args.folder.display()));
        // Nobody would know where it serves.
        output::finish().map_err(Failure::bad_input)?;
        let (stop, stopped) = watch::channel(());
        let catalogue = Arc::new(catalogue.clone());
        let app = app(Arc::clone(&folder), catalogue, Names::of(address), stopped.clone());
        accept(listener, app, asked, stop).await;
        Ok(())
    });
    folder.stop();
    // Somebody may be drawing a page on a thread of its own; nobody waits for it any more.
    runtime.shutdown_background();
    ended.map(|()| Exit::Pass)
}

/// Serves until the process is asked to stop.
async fn accept(listener: TcpListener, app: Router, mut asked: Asked, stop: watch::Sender<()>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = asked.stopped() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS_MAX => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, app.clone(), stop.subscribe()));
                }
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            }
        }
    }
    drop(listener);
    stop.send_replace(());
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(GRACE, all).await;
}

async fn converse(stream: TcpStream, app: Router, mut stop: watch::Receiver<()>) {
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT);
    let service = TowerToHyperService::new(app);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service));
    // How a connection ends is the browser's business.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stop.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
