//! Reads the metrics of services into gauges of the record, as a monitoring system would: over the
//! network, from a host of its own, with gaps where nobody answered.

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use squall_reports::record::{EventKind, Gauge};

use crate::{
    exposition::{Selector, samples},
    load::Client,
    plan::{Scrape, nanos},
    run::environment::Environment,
};

/// What is read, and what it becomes.
struct Page {
    scrape: Scrape,
    /// The host that the gauges are of.
    host: u16,
    wanted: Vec<(String, Selector)>,
}

/// Performs the scrape with this number of the plan, from its client host, to the end of the run.
pub(crate) async fn scrape(environment: impl Environment, number: usize) {
    let Some(page) = Page::of(&environment, number) else { return };
    let client = Client::new(environment.clone(), &page.scrape.target, 1);
    let every = page.scrape.every;
    let mut at = environment.now();
    loop {
        let answer = tokio::time::timeout(every, client.send(page.request())).await;
        if let Ok(Ok(answer)) = answer
            && answer.status.is_success()
            && let Ok(text) = str::from_utf8(&answer.body)
        {
            page.enter(&environment, text);
        }
        at = (at + nanos(every)).max(environment.now());
        environment.sleep_until(at).await;
    }
}

impl Page {
    /// The page that the scrape with this number of the plan reads.
    fn of(environment: &impl Environment, number: usize) -> Option<Self> {
        let plan = environment.plan();
        let scrape = plan.scrapes.get(number)?.clone();
        let (name, _) = scrape.target.rsplit_once(':')?;
        let host = u16::try_from(plan.topology.index_of(name)?).ok()?;
        let series = scrape.series.iter();
        let wanted = series.filter_map(|name| Some((name.clone(), Selector::parse(name)?)));
        Some(Self { host, wanted: wanted.collect(), scrape })
    }

    fn request(&self) -> Request<Full<Bytes>> {
        Request::get(self.scrape.path.as_str())
            .header(header::HOST, &self.scrape.target)
            .body(Full::default())
            .expect("a checked plan has paths that make requests")
    }

    /// Enters what the page says about the series that are wanted.
    fn enter(&self, environment: &impl Environment, text: &str) {
        // Not a number is what a service says that has nothing to say.
        for sample in samples(text).filter(|it| !it.value.is_nan()) {
            let known = self.wanted.iter().find(|(_, series)| *series == sample.series);
            if let Some((name, _)) = known {
                let (name, value) = (environment.intern(name), sample.value);
                environment.record(EventKind::Gauge(Gauge { host: self.host, name, value }));
            }
        }
    }
}
