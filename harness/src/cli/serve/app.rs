//! What the server answers.

use std::{
    collections::VecDeque,
    convert::Infallible,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{
        Html, IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
    routing::get,
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use squall_reports::{Report, html, trace_events::trace_events};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{
    folder::{Folder, Stamp},
    names::Names,
};
use crate::catalogue::Catalogue;

/// Drawn pages that are kept for the next reader.
const PAGES_MAX: usize = 16;

/// A browser is told of changes no more often than this.
const TELL_EVERY: Duration = Duration::from_millis(300);

struct App {
    folder: Arc<Folder>,
    catalogue: Arc<Catalogue>,
    names: Names,
    /// A record can be large: one is drawn at a time, also when nobody waits for it any more.
    drawing: Arc<Semaphore>,
    pages: Mutex<VecDeque<Page>>,
    stop: watch::Receiver<()>,
}

/// A page that was drawn, of the record as it was then.
struct Page {
    name: String,
    stamp: Stamp,
    text: Bytes,
}

pub(super) fn app(
    folder: Arc<Folder>,
    catalogue: Arc<Catalogue>,
    names: Names,
    stop: watch::Receiver<()>,
) -> Router {
    let app = App {
        folder,
        catalogue,
        names,
        drawing: Arc::new(Semaphore::new(1)),
        pages: Mutex::default(),
        stop,
    };
    let app = Arc::new(app);
    Router::new()
        .route("/", get(index))
        .route("/index.html", get(index))
        .route("/events", get(events))
        .route("/{file}", get(file))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}

/// Refuses who calls the server by a name that is not its own, and says to browsers what they may
/// do with an answer.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    if !app.names.allow(host.unwrap_or_default()) {
        let why = "this server answers to localhost and 127.0.0.1 only\n";
        return (StatusCode::MISDIRECTED_REQUEST, why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::CACHE_CONTROL, "no-store");
    set(header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    response
}

async fn index(State(app): State<Arc<App>>) -> Html<String> {
    Html(app.folder.index())
}

/// An event whenever there is something new to show, until the server stops.
async fn events(State(app): State<Arc<App>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let (mut changes, stop) = (app.folder.changes(), app.stop.clone());
    // What changed since the browser read the page it is told at once.
    changes.mark_changed();
    let stream = stream::unfold((changes, stop), |(mut changes, mut stop)| async move {
        tokio::select! {
            _ = stop.changed() => return None,
            changed = changes.changed() => changed.ok()?,
        }
        tokio::time::sleep(TELL_EVERY).await;
        let version = *changes.borrow_and_update();
        Some((Ok(Event::default().data(version.to_string())), (changes, stop)))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

/// The page of a run, or its trace.
async fn file(State(app): State<Arc<App>>, Path(file): Path<String>) -> Response {
    let missing = || {
        let text = "there is no such page; / shows all runs\n";
        (StatusCode::NOT_FOUND, text).into_response()
    };
    let (name, is_trace) = match file.strip_suffix(".trace.json") {
        Some(name) => (name, true),
        None => (file.strip_suffix(".html").unwrap_or_default(), false),
    };
    let Some(stamp) = app.folder.stamp(name) else { return missing() };
    let drawn = if is_trace {
        app.trace(name.to_owned()).await
    } else {
        app.page(name.to_owned(), stamp).await
    };
    let kind = if is_trace { "application/json" } else { "text/html; charset=utf-8" };
    match drawn {
        Ok(text) => {
            let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
            (kind, text).into_response()
        }
        Err(why) => (StatusCode::UNPROCESSABLE_ENTITY, format!("{why}\n")).into_response(),
    }
}

impl App {
    /// The page of a run, kept for the next reader. A trace is too large for that.
    async fn page(self: &Arc<Self>, name: String, stamp: Stamp) -> Result<Bytes, String> {
        if let Some(text) = self.kept(&name, stamp) {
            return Ok(text);
        }
        let draw = |app: &Self, report: &Report<'_>| {
            let golden = app.catalogue.golden(&report.record.header.scenario);
            html::page(report, &golden)
        };
        let one = self.drawing_of_one().await?;
        // Whoever had to wait finds what the one before has drawn.
        if let Some(text) = self.kept(&name, stamp) {
            return Ok(text);
        }
        let text = self.draw(one, name.clone(), draw).await?;
        self.keep(Page { name, stamp, text: text.clone() });
        Ok(text)
    }

    async fn trace(self: &Arc<Self>, name: String) -> Result<Bytes, String> {
        let one = self.drawing_of_one().await?;
        self.draw(one, name, |_, report| trace_events(report)).await
    }

    async fn drawing_of_one(&self) -> Result<OwnedSemaphorePermit, String> {
        let one = Arc::clone(&self.drawing).acquire_owned().await;
        one.map_err(|error| error.to_string())
    }

    async fn draw(
        self: &Arc<Self>,
        one: OwnedSemaphorePermit,
        name: String,
        draw: impl FnOnce(&Self, &Report<'_>) -> String + Send + 'static,
    ) -> Result<Bytes, String> {
        let app = Arc::clone(self);
        let drawn = tokio::task::spawn_blocking(move || {
            let _one = one;
            app.folder.draw(&name, &app.catalogue, |report| draw(&app, report))
        });
        let drawn = drawn.await.map_err(|error| format!("the page could not be drawn: {error}"))?;
        drawn.map(Bytes::from)
    }

    fn kept(&self, name: &str, stamp: Stamp) -> Option<Bytes> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let page = pages.iter().find(|page| page.name == name && page.stamp == stamp)?;
        Some(page.text.clone())
    }

    fn keep(&self, page: Page) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|kept| kept.name != page.name);
        pages.push_back(page);
        if pages.len() > PAGES_MAX {
            pages.pop_front();
        }
    }
}
