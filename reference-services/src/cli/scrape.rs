//! `services scrape`: the metrics of several services as one page, for a Prometheus or for a person. Each is
//! asked when the page is, so that whoever asks says how often.

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc, time::Duration};

use bytes::Bytes;
use clap::Parser;
use futures_util::future::join_all;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;

use crate::{
    client::{Client, Tuning},
    server::{Body, Error, Handler, Http, Limits, Problem, text},
};

/// How long a service may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A page of metrics of one service.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// How long what is in flight may take when it stops.
const DRAIN: Duration = Duration::from_secs(2);

/// The text format that Prometheus reads by default:
/// <https://prometheus.io/docs/instrumenting/exposition_formats/>.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the names of the samples of a metric have behind that of the metric.
const ENDINGS: [&str; 6] = ["", "_total", "_bucket", "_sum", "_count", "_created"];

/// Answers GET /metrics with those of other services, each with its name as the label `job`, and with `up`
/// for each: 1 if it answered, 0 if not.
#[derive(Debug, Parser)]
#[command(version)]
pub(super) struct Scrape {
    /// Address to listen on
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9090")]
    listen: String,
    /// A service and its page: api=http://api:8080/metrics
    #[arg(value_name = "NAME=URL", required = true, value_parser = target)]
    targets: Vec<Target>,
}

/// Who is asked.
#[derive(Clone, Debug)]
struct Target {
    name: String,
    address: String,
}

fn target(text: &str) -> Result<Target, String> {
    let (name, address) =
        text.split_once('=').ok_or_else(|| format!("expected NAME=URL, found `{text}`"))?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(format!("expected a name of letters, digits, - and _, found `{name}`"));
    }
    Ok(Target { name: name.to_owned(), address: address.to_owned() })
}

impl Scrape {
    /// Answers until it is asked to terminate.
    pub(super) async fn run(self) -> Result<(), Error> {
        let http = Http::bind(&self.listen, &Limits::default()).await?;
        tracing::info!(address = %http.local_addr(), "listening");
        let client = Client::new(
            Tuning {
                idle_max: 1,
                idle: PATIENCE,
                connect: PATIENCE,
                answer_bytes_max: PAGE_BYTES_MAX,
            },
            None,
        );
        let pages = Arc::new(Pages { targets: self.targets, client });
        let mut stopped = Ok(());
        let stop = async {
            stopped = squall_os::signal::terminate().await.map_err(Error::Signal);
        };
        http.serve(pages, stop, DRAIN).await;
        stopped
    }
}

struct Pages {
    targets: Vec<Target>,
    client: Client,
}

impl Handler for Pages {
    async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
        match request.uri().path() {
            "/healthz" | "/readyz" => text("ok\n"),
            "/metrics" => {
                let asked = self.targets.iter().map(|target| self.page_of(target));
                let pages = join_all(asked).await;
                let names = self.targets.iter().map(|target| target.name.as_str());
                let pages = names.zip(pages.iter().map(Option::as_deref));
                let mut response = text(merged(pages));
                let kind = HeaderValue::from_static(TEXT_FORMAT);
                response.headers_mut().insert(header::CONTENT_TYPE, kind);
                response
            }
            _ => Problem::new(StatusCode::NOT_FOUND, "no such resource").response(),
        }
    }
}

impl Pages {
    /// The page of a service, if it answers with one in time.
    async fn page_of(&self, target: &Target) -> Option<String> {
        let request = Request::get(&target.address).body(Full::<Bytes>::default());
        let asked = async {
            let answer = self.client.send(request.ok()?).await.ok()?;
            let body = answer.status().is_success().then(|| answer.into_body())?;
            String::from_utf8(body.to_vec()).ok()
        };
        let page = tokio::time::timeout(PATIENCE, asked).await.ok().flatten();
        if page.is_none() {
            tracing::warn!(name = target.name, address = target.address, "no page of metrics");
        }
        page
    }
}

/// A metric of one or several services.
#[derive(Default)]
struct Family {
    help: Option<String>,
    kind: Option<String>,
    samples: Vec<String>,
}

/// The pages as one, in which the lines of a metric are together, as the format wants it.
fn merged<'p>(pages: impl Iterator<Item = (&'p str, Option<&'p str>)>) -> String {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    for (job, page) in pages {
        let up = families.entry("up".to_owned()).or_default();
        up.kind = Some("gauge".to_owned());
        up.help = Some("Whether the service answered with its metrics.".to_owned());
        up.samples.push(format!("up{{job=\"{job}\"}} {}", u8::from(page.is_some())));
        enter(&mut families, job, page.unwrap_or_default());
    }
    let mut out = String::new();
    for (name, family) in families {
        if let Some(help) = family.help {
            let _ = writeln!(out, "# HELP {name} {help}");
        }
        if let Some(kind) = family.kind {
            let _ = writeln!(out, "# TYPE {name} {kind}");
        }
        family.samples.iter().for_each(|sample| {
            let _ = writeln!(out, "{sample}");
        });
    }
    out
}

/// Enters what a page says. OpenMetrics, which such a page may be in, has names of counters without their
/// ending in what it says of them.
fn enter(families: &mut BTreeMap<String, Family>, job: &str, page: &str) {
    let is_open_metrics = page.trim_end().ends_with("# EOF");
    let mut helps: BTreeMap<&str, &str> = BTreeMap::new();
    // The name in what was last said of a metric, and what the metric is called here.
    let mut current: Option<(&str, String)> = None;
    for line in page.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap_or((help, ""));
            helps.insert(name, help);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap_or((kind, "untyped"));
            let (called, kind) = match kind {
                "counter" if is_open_metrics && !name.ends_with("_total") => {
                    (format!("{name}_total"), kind)
                }
                "counter" | "gauge" | "histogram" | "summary" => (name.to_owned(), kind),
                _ => (name.to_owned(), "untyped"),
            };
            let family = families.entry(called.clone()).or_default();
            family.kind.get_or_insert_with(|| kind.to_owned());
            if let Some(help) = helps.get(name) {
                family.help.get_or_insert_with(|| (*help).to_owned());
            }
            current = Some((name, called));
        } else if !line.starts_with('#') && !line.trim().is_empty() {
            let (name, sample) = labelled(line, job);
            let is_of =
                |said: &str| name.strip_prefix(said).is_some_and(|it| ENDINGS.contains(&it));
            let of_current = current.as_ref().filter(|(said, _)| is_of(said));
            let family = of_current.map_or_else(|| name.to_owned(), |(_, called)| called.clone());
            families.entry(family).or_default().samples.push(sample);
        }
    }
}

/// The name of a sample, and the sample with the label `job` before its own, without its exemplar.
fn labelled<'l>(line: &'l str, job: &str) -> (&'l str, String) {
    let sample = line.split_once(" # {").map_or(line, |(sample, _)| sample);
    let end = sample.find(['{', ' ']).unwrap_or(sample.len());
    let (name, rest) = sample.split_at(end);
    let sample = match rest.strip_prefix('{') {
        Some(rest) if rest.starts_with('}') => format!("{name}{{job=\"{job}\"{rest}"),
        Some(rest) => format!("{name}{{job=\"{job}\",{rest}"),
        None => format!("{name}{{job=\"{job}\"}}{rest}"),
    };
    (name, sample)
}

#[cfg(test)]
mod tests {
    use super::{merged, target};

    #[test]
    fn pages_become_one_with_a_label_for_each() {
        let open = "# HELP requests Requests.\n# TYPE requests counter\n\
                    requests_total{code=\"200\"} 7 # {trace=\"a\"} 1\n\
                    # HELP seconds Time.\n# TYPE seconds histogram\nseconds_bucket{le=\"+Inf\"} 2\n\
                    seconds_count 2\n# EOF\n";
        let plain =
            "# TYPE requests_total counter\nrequests_total 3\nrequests_total_open 2\nalone{} 1\n";
        let pages = [("api", Some(open)), ("proxy", Some(plain)), ("gone", None)];
        let expected = "alone{job=\"proxy\"} 1\n\
                        # HELP requests_total Requests.\n# TYPE requests_total counter\n\
                        requests_total{job=\"api\",code=\"200\"} 7\nrequests_total{job=\"proxy\"} 3\n\
                        requests_total_open{job=\"proxy\"} 2\n\
                        # HELP seconds Time.\n# TYPE seconds histogram\n\
                        seconds_bucket{job=\"api\",le=\"+Inf\"} 2\nseconds_count{job=\"api\"} 2\n\
                        # HELP up Whether the service answered with its metrics.\n# TYPE up gauge\n\
                        up{job=\"api\"} 1\nup{job=\"proxy\"} 1\nup{job=\"gone\"} 0\n";
        assert_eq!(merged(pages.into_iter()), expected);
    }

    #[test]
    fn a_target_has_a_name_and_an_address() {
        let good = target("api=http://api:8080/metrics").expect("it has both");
        assert_eq!((good.name.as_str(), good.address.as_str()), ("api", "http://api:8080/metrics"));
        for wrong in ["http://api:8080/metrics", "=http://api", "a\"b=http://api"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
