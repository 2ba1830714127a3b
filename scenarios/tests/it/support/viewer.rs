//! Perfetto's user interface in a browser, served on loopback, with its engine to ask.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use fantoccini::Client;
use serde_json::Value;
use tokio::{net::TcpListener, task::JoinHandle};

use super::driver::Driver;

/// Where the page finds the trace.
const TRACE: &str = "/opened.json";

/// Loads the trace as the interface does when a file is dropped on it.
const OPEN: &str = r#"
const [path, done] = arguments;
(async () => {
    while (!window.app) await new Promise(again => setTimeout(again, 50));
    const buffer = await (await fetch(path)).arrayBuffer();
    await window.app.openTraceFromBuffer({ buffer, title: "squall", fileName: "squall.json" });
    while (!window.app.trace) await new Promise(again => setTimeout(again, 50));
    done(null);
})().catch(error => done(String(error)));
"#;

/// Asks the engine, and hands back rows of text.
const QUERY: &str = r#"
const [sql, done] = arguments;
(async () => {
    const result = await window.app.trace.engine.query(sql);
    const columns = result.columns();
    const rows = [];
    for (const row = result.iter({}); row.valid(); row.next()) {
        rows.push(columns.map(column => String(row.get(column))));
    }
    done({ rows });
})().catch(error => done({ error: String(error) }));
"#;

/// How long the interface may take to load a trace.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Clone)]
struct Files {
    folder: PathBuf,
    trace: Arc<Vec<u8>>,
}

/// A trace that is open in the viewer.
pub(crate) struct Viewer {
    browser: Client,
    server: JoinHandle<()>,
    _driver: Driver,
}

impl Viewer {
    /// Opens `trace` in the interface whose files are in `folder`.
    ///
    /// # Panics
    ///
    /// If the browser or the interface does not start, or the trace cannot be opened.
    pub(crate) async fn open(folder: &Path, trace: Vec<u8>) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(address).await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("an address"));
        let files = Files { folder: folder.to_owned(), trace: Arc::new(trace) };
        let router = Router::new().fallback(file).with_state(files);
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves until it is dropped");
        });
        let driver = Driver::start("trace-viewer");
        let browser = driver.browser(PATIENCE).await;
        let viewer = Self { browser, server, _driver: driver };
        viewer.browser.goto(&url).await.expect("the interface opens");
        let opened = viewer.browser.execute_async(OPEN, vec![TRACE.into()]).await;
        assert_eq!(opened.expect("a script that ends"), Value::Null);
        viewer
    }

    /// The rows that the engine gives, as text.
    ///
    /// # Panics
    ///
    /// If it does not take the query.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let answer = self.browser.execute_async(QUERY, vec![sql.into()]).await;
        let mut answer = answer.expect("a script that ends");
        assert_eq!(answer["error"], Value::Null, "{sql}");
        serde_json::from_value(answer["rows"].take()).expect("rows of text")
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn file(State(files): State<Files>, uri: Uri) -> Response {
    if uri.path() == TRACE {
        return files.trace.as_ref().clone().into_response();
    }
    let name = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    match std::fs::read(files.folder.join(name)) {
        Ok(content) if inside => ([(header::CONTENT_TYPE, kind_of(name))], content).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn kind_of(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html",
        Some("js") => "text/javascript",
        Some("css") => "text/css",
        Some("json") => "application/json",
        Some("wasm") => "application/wasm",
        _ => "application/octet-stream",
    }
}
