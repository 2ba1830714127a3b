//! What `/metrics` tells, in the text format of Prometheus, with the names and labels of Toxiproxy.

use std::{
    collections::BTreeMap,
    fmt::Write,
    fs,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::toxic::Direction;

/// Which metrics are shown. With none of them there is no `/metrics`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// The bytes that each proxy has received and sent.
    pub proxies: bool,
    /// The connections that each proxy has taken, which Toxiproxy does not tell.
    pub connections: bool,
    /// The process: processor time, memory, descriptors.
    pub process: bool,
}

/// Bytes are counted for each of these.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Labels {
    pub(crate) direction: Direction,
    pub(crate) proxy: Arc<str>,
    pub(crate) listener: String,
    pub(crate) upstream: String,
}

/// How many bytes went through, for one set of labels.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
}

/// The counters of all proxies. They stay when a proxy is gone, as counters do.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    counters: Mutex<BTreeMap<Labels, Arc<Counters>>>,
    /// By the name of the proxy.
    connections: Mutex<BTreeMap<Arc<str>, Arc<AtomicU64>>>,
}

impl Metrics {
    pub(crate) fn counters(&self, labels: Labels) -> Arc<Counters> {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(counters.entry(labels).or_default())
    }

    /// Counts the connections of a proxy.
    pub(crate) fn connections(&self, proxy: &Arc<str>) -> Arc<AtomicU64> {
        let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(connections.entry(Arc::clone(proxy)).or_default())
    }

    /// The page.
    pub(crate) fn page(&self, shown: Shown) -> String {
        let mut page = String::new();
        if shown.process {
            process(&mut page);
        }
        if shown.proxies {
            self.proxies(&mut page);
        }
        if shown.connections {
            self.taken(&mut page);
        }
        page
    }

    fn taken(&self, page: &mut String) {
        const NAME: &str = "squall_proxy_connections_total";
        let connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        if connections.is_empty() {
            return;
        }
        writeln!(page, "# HELP {NAME} Connections taken.\n# TYPE {NAME} counter")
            .expect("a String takes all");
        for (proxy, count) in &*connections {
            let (proxy, count) = (label(proxy), count.load(Ordering::Relaxed));
            writeln!(page, "{NAME}{{proxy=\"{proxy}\"}} {count}").expect("a String takes all");
        }
    }

    fn proxies(&self, page: &mut String) {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut family = |name: &str, count: fn(&Counters) -> u64| {
            if counters.is_empty() {
                return;
            }
            let mut lines = format!("# HELP {name} \n# TYPE {name} counter\n");
            for (labels, counters) in &*counters {
                let Labels { direction, proxy, listener, upstream } = labels;
                let (direction, count) = (direction.name(), count(counters));
                let [listener, proxy, upstream] = [listener, &**proxy, upstream].map(label);
                writeln!(
                    lines,
                    "{name}{{direction=\"{direction}\",listener=\"{listener}\",\
                     proxy=\"{proxy}\",upstream=\"{upstream}\"}} {count}"
                )
                .expect("a String takes all");
            }
            page.push_str(&lines);
        };
        family("toxiproxy_proxy_received_bytes_total", |it| it.received.load(Ordering::Relaxed));
        family("toxiproxy_proxy_sent_bytes_total", |it| it.sent.load(Ordering::Relaxed));
    }
}

fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// What Prometheus' own collector tells of a process. What the system does not tell is left out.
fn process(page: &mut String) {
    /// Of `/proc`, on all architectures.
    const TICKS_A_SECOND: f64 = 100.0;
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program is in parentheses and may have spaces in it.
    let stat = stat.rsplit(") ").next().unwrap_or_default();
    let stat: Vec<f64> = stat.split(' ').map(|field| field.parse().unwrap_or(0.0)).collect();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bytes = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<f64>().ok()? * 1024.0)
    };
    let processor = stat.get(11).zip(stat.get(12)).map(|(user, system)| user + system);
    let open = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
    for (name, kind, help, value) in [
        (
            "process_cpu_seconds_total",
            "counter",
            "Total user and system CPU time spent in seconds.",
            processor.map(|ticks| ticks / TICKS_A_SECOND),
        ),
        (
            "process_open_fds",
            "gauge",
            "Number of open file descriptors.",
            open.and_then(|count| u32::try_from(count).ok()).map(f64::from),
        ),
        (
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            bytes("VmRSS:"),
        ),
        (
            "process_virtual_memory_bytes",
            "gauge",
            "Virtual memory size in bytes.",
            bytes("VmSize:"),
        ),
    ] {
        if let Some(value) = value {
            writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}")
                .expect("a String takes all");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_told_for_each_direction_of_each_proxy() {
        let metrics = Metrics::default();
        let all = Shown { proxies: true, ..Shown::default() };
        assert_eq!(metrics.page(all), "");
        let labels = |direction| Labels {
            direction,
            proxy: "a\"b\\c\n".into(),
            listener: "127.0.0.1:1".to_owned(),
            upstream: "u:2".to_owned(),
        };
        metrics.counters(labels(Direction::Upstream)).received.fetch_add(5, Ordering::Relaxed);
        metrics.counters(labels(Direction::Downstream)).sent.fetch_add(7, Ordering::Relaxed);
        let labels = r#"listener="127.0.0.1:1",proxy="a\"b\\c\n",upstream="u:2""#;
        let expected = format!(
            "# HELP toxiproxy_proxy_received_bytes_total \n\
             # TYPE toxiproxy_proxy_received_bytes_total counter\n\
             toxiproxy_proxy_received_bytes_total{{direction=\"upstream\",{labels}}} 5\n\
             toxiproxy_proxy_received_bytes_total{{direction=\"downstream\",{labels}}} 0\n\
             # HELP toxiproxy_proxy_sent_bytes_total \n\
             # TYPE toxiproxy_proxy_sent_bytes_total counter\n\
             toxiproxy_proxy_sent_bytes_total{{direction=\"upstream\",{labels}}} 0\n\
             toxiproxy_proxy_sent_bytes_total{{direction=\"downstream\",{labels}}} 7\n"
        );
        assert_eq!(metrics.page(all), expected);
    }

    #[test]
    fn connections_are_told_where_they_are_asked_for() {
        let metrics = Metrics::default();
        metrics.connections(&"a".into()).fetch_add(2, Ordering::Relaxed);
        metrics.connections(&"b\"".into());
        metrics.connections(&"a".into()).fetch_add(1, Ordering::Relaxed);
        let shown = Shown { connections: true, ..Shown::default() };
        let expected = "# HELP squall_proxy_connections_total Connections taken.\n\
                        # TYPE squall_proxy_connections_total counter\n\
                        squall_proxy_connections_total{proxy=\"a\"} 3\n\
                        squall_proxy_connections_total{proxy=\"b\\\"\"} 0\n";
        assert_eq!(metrics.page(shown), expected);
        assert_eq!(metrics.page(Shown { proxies: true, ..Shown::default() }), "");
    }

    #[test]
    fn the_process_tells_of_its_memory_and_its_descriptors() {
        let page = Metrics::default().page(Shown { process: true, ..Shown::default() });
        let value = |name: &str| -> f64 {
            let line = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("{page}")).parse().expect("a number")
        };
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"));
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_cpu_seconds_total") >= 0.0);
    }
}
