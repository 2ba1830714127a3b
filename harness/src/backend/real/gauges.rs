//! What the system says of a process: threads, memory, descriptors, sockets, from `/proc`.

use std::fs;

use rustix::process::Pid;

/// How many connections a process has opened, as the proxies before the others count them.
pub(super) const CONNECTIONS_OPENED: &str = "connections_opened";

/// The gauges of one process; those that the system does not tell are left out.
pub(in crate::backend) fn of(pid: Pid) -> Vec<(&'static str, f64)> {
    let folder = format!("/proc/{}", pid.as_raw_nonzero());
    let status = fs::read_to_string(format!("{folder}/status")).unwrap_or_default();
    let mut gauges = Vec::new();
    if let Some(threads) = field(&status, "Threads:") {
        gauges.push(("threads", threads));
    }
    if let Some(kib) = field(&status, "VmRSS:") {
        gauges.push(("resident_mib", (kib / 1024.0).round()));
    }
    if let Ok(descriptors) = fs::read_dir(format!("{folder}/fd")) {
        let (mut all, mut sockets) = (0.0, 0.0);
        for descriptor in descriptors.flatten() {
            all += 1.0;
            let leads_to = fs::read_link(descriptor.path()).unwrap_or_default();
            sockets += f64::from(u8::from(leads_to.to_string_lossy().starts_with("socket:")));
        }
        gauges.push(("descriptors", all));
        gauges.push(("sockets", sockets));
    }
    gauges
}

/// The number after `name` in the text of a `/proc/PID/status`.
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use rustix::process::getpid;

    use super::{field, of};

    #[test]
    fn a_process_has_threads_memory_and_descriptors() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let gauges = of(getpid());
        let value = |name: &str| gauges.iter().find(|(known, _)| *known == name).map(|it| it.1);
        assert!(value("threads").is_some_and(|it| it >= 1.0), "{gauges:?}");
        assert!(value("resident_mib").is_some_and(|it| it >= 1.0), "{gauges:?}");
        let sockets = value("sockets").expect("sockets are told");
        assert!(sockets >= 1.0 && value("descriptors").is_some_and(|it| it > sockets));
        drop(socket);
    }

    #[test]
    fn a_field_is_the_number_after_its_name() {
        let status = "Name:\tx\nVmRSS:\t  2048 kB\nThreads:\t7\n";
        assert_eq!(field(status, "VmRSS:"), Some(2048.0));
        assert_eq!(field(status, "Threads:"), Some(7.0));
        assert_eq!(field(status, "Nothing:"), None);
    }
}
