//! Addresses to listen on: `host:port` read as Go reads it, and the rule that they are loopback.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    net::{TcpListener, lookup_host},
    time::timeout,
};

/// A name that takes longer is one that does not exist.
const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// Where to listen; `None` is every address of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    ip: Option<IpAddr>,
    port: u16,
}

impl Listen {
    /// Reads `text` and looks up its host. Of several addresses the first of IPv4 is taken.
    pub(crate) async fn resolve(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self { ip: None, port: 0 });
        }
        let (host, port) = split(text)?;
        let port = parse_port(port)?;
        if host.is_empty() {
            return Ok(Self { ip: None, port });
        }
        if let Ok(ip) = host.parse() {
            return Ok(Self { ip: Some(ip), port });
        }
        let missing = || format!("lookup {host}: no such host");
        let found = timeout(LOOKUP_MAX, lookup_host((host, port))).await;
        let found: Vec<SocketAddr> = found.ok().and_then(Result::ok).ok_or_else(missing)?.collect();
        let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
        Ok(Self { ip: Some(first.ok_or_else(missing)?.ip()), port })
    }

    /// Does only this machine reach it?
    pub(crate) fn is_loopback(self) -> bool {
        self.ip.is_some_and(|ip| ip.to_canonical().is_loopback())
    }

    /// As it stands in answers.
    pub(crate) fn text(self) -> String {
        match self.ip {
            Some(ip) => SocketAddr::new(ip, self.port).to_string(),
            None => format!(":{}", self.port),
        }
    }

    /// Begins to listen. All addresses, those of IPv4 as well, are one socket of IPv6 where the
    /// machine has it.
    pub(crate) async fn bind(self) -> Result<TcpListener, String> {
        let wildcard = self.ip.is_none_or(|ip| ip.is_unspecified());
        let mut bound = Err(io::Error::from(io::ErrorKind::Unsupported));
        if wildcard {
            bound = TcpListener::bind((Ipv6Addr::UNSPECIFIED, self.port)).await;
        }
        let without_ipv6 = |error: &io::Error| error.kind() != io::ErrorKind::AddrInUse;
        if bound.as_ref().err().is_some_and(without_ipv6) {
            let ip = self.ip.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            bound = TcpListener::bind((ip, self.port)).await;
        }
        bound.map_err(|error| format!("{}: bind: {}", self.text(), in_short(&error)))
    }
}

/// An error of the system in the words of C, without its number.
pub(crate) fn in_short(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    text.to_lowercase()
}

fn split(text: &str) -> Result<(&str, &str), String> {
    let wrong = |why: &str| format!("address {text}: {why}");
    let colon = text.rfind(':').ok_or_else(|| wrong("missing port in address"))?;
    let (host, rest_of_host, rest);
    if let Some(inner) = text.strip_prefix('[') {
        let end = inner.find(']').ok_or_else(|| wrong("missing ']' in address"))? + 1;
        if end + 1 != colon {
            let colons = text[end + 1..].starts_with(':');
            let why = if colons { "too many colons in address" } else { "missing port in address" };
            return Err(wrong(why));
        }
        (host, rest_of_host, rest) = (&text[1..end], &text[1..], &text[end + 1..]);
    } else {
        (host, rest_of_host, rest) = (&text[..colon], text, text);
        if host.contains(':') {
            return Err(wrong("too many colons in address"));
        }
    }
    if rest_of_host.contains('[') {
        return Err(wrong("unexpected '[' in address"));
    }
    if rest.contains(']') {
        return Err(wrong("unexpected ']' in address"));
    }
    Ok((host, &text[colon + 1..]))
}

fn parse_port(text: &str) -> Result<u16, String> {
    if text.is_empty() {
        return Ok(0);
    }
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("address tcp/{text}: unknown port"));
    }
    text.parse().map_err(|_| format!("address {text}: invalid port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        let expected = expected.map_err(|why| format!("address {text}: {why}"));
        assert_eq!(split(text), expected, "{text}");
    }

    #[test]
    fn hosts_and_ports_are_split_as_go_does() {
        check("localhost:80", Ok(("localhost", "80")));
        check(":80", Ok(("", "80")));
        check("[::1]:80", Ok(("::1", "80")));
        check("[::1]", Err("missing port in address"));
        check("[::1]:80:90", Err("too many colons in address"));
        check("[::1", Err("missing ']' in address"));
        check("a[b:80", Err("unexpected '[' in address"));
        check("a]b:80", Err("unexpected ']' in address"));
        check("[[::1]:80", Err("unexpected '[' in address"));
    }

    #[test]
    fn a_port_is_a_number_of_sixteen_bits() {
        assert_eq!(parse_port("65535"), Ok(65535));
        assert_eq!(parse_port(""), Ok(0));
        assert_eq!(parse_port("65536"), Err("address 65536: invalid port".to_owned()));
        assert_eq!(parse_port("http"), Err("address tcp/http: unknown port".to_owned()));
    }

    #[tokio::test]
    async fn loopback_is_what_only_this_machine_reaches() {
        for (text, loopback) in [
            ("127.0.0.1:0", true),
            ("127.9.9.9:0", true),
            ("[::1]:0", true),
            ("[::ffff:127.0.0.1]:0", true),
            ("localhost:0", true),
            ("0.0.0.0:0", false),
            ("[::]:0", false),
            (":0", false),
            ("", false),
            ("192.0.2.1:0", false),
        ] {
            let listen = Listen::resolve(text).await.expect(text);
            assert_eq!(listen.is_loopback(), loopback, "{text}");
        }
    }
}
