//! The endpoints as an orchestrator names them with `PUT /endpoints`.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

const GROUPS_MAX: usize = 64;
const ENDPOINTS_MAX: usize = 1024;
const WEIGHT_MAX: u32 = 1_000_000;

/// All endpoints. What is not named any more gets no new requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointsSpec {
    /// Each of them gets its share of the requests.
    pub groups: Vec<GroupSpec>,
}

/// Endpoints that share what comes to them evenly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Its name in metrics: letters, digits and dashes.
    pub name: String,
    /// Its share relative to the other groups; none of it while it has no endpoints.
    pub weight: u32,
    /// `host:port` each.
    pub endpoints: Vec<String>,
}

/// What is wrong with the endpoints.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub(super) struct BadEndpoints {
    pub(super) expected: &'static str,
    pub(super) found: String,
}

impl BadEndpoints {
    fn unless(holds: bool, expected: &'static str, found: impl ToString) -> Result<(), Self> {
        if holds { Ok(()) } else { Err(Self { expected, found: found.to_string() }) }
    }
}

impl EndpointsSpec {
    /// Checks what the types cannot.
    pub(super) fn validate(&self) -> Result<(), BadEndpoints> {
        let groups = self.groups.len();
        BadEndpoints::unless(groups <= GROUPS_MAX, "at most 64 groups", groups)?;
        let endpoints = self.groups.iter().map(|group| group.endpoints.len()).sum::<usize>();
        BadEndpoints::unless(endpoints <= ENDPOINTS_MAX, "at most 1024 endpoints", endpoints)?;
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        for group in &self.groups {
            let name = group.name.as_str();
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let named = (1..=63).contains(&name.len()) && name.bytes().all(plain);
            let expected = "a group name of 1 to 63 letters, digits and dashes";
            BadEndpoints::unless(named, expected, format!("{name:?}"))?;
            BadEndpoints::unless(names.insert(name), "each group once", format!("{name} twice"))?;
            let weight = group.weight;
            let expected = "a weight of at most 1000000";
            BadEndpoints::unless(weight <= WEIGHT_MAX, expected, weight)?;
            for address in &group.endpoints {
                let expected = "an endpoint host:port";
                BadEndpoints::unless(is_address(address), expected, format!("{address:?}"))?;
                let once = addresses.insert(address);
                BadEndpoints::unless(once, "each endpoint once", format!("{address} twice"))?;
            }
        }
        Ok(())
    }
}

/// A name or an IP address, and a port.
fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let known = match bracketed {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => (1..=253).contains(&host.len()) && host.bytes().all(plain),
    };
    known && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str, weight: u32, endpoints: &[&str]) -> GroupSpec {
        let endpoints = endpoints.iter().map(|&endpoint| endpoint.to_owned()).collect();
        GroupSpec { name: name.to_owned(), weight, endpoints }
    }

    #[track_caller]
    fn refused(groups: Vec<GroupSpec>, expected: &str) {
        let error = EndpointsSpec { groups }.validate().expect_err("bad endpoints");
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn groups_with_names_and_addresses_are_taken() {
        let groups = vec![
            group("stable", 95, &["10.0.0.3:8080", "cache-1:8080"]),
            group("canary", 5, &["[::1]:8080"]),
            group("empty", 0, &[]),
        ];
        assert_eq!(EndpointsSpec { groups }.validate(), Ok(()));
        assert_eq!(EndpointsSpec::default().validate(), Ok(()));
    }

    #[test]
    fn nonsense_is_refused() {
        for bad in
            ["cache-1", "cache-1:", ":80", "cache 1:80", "a:99999", "a:0", "::1:80", "a:b:80"]
        {
            refused(
                vec![group("stable", 1, &[bad])],
                &format!("expected an endpoint host:port, found {bad:?}"),
            );
        }
        refused(
            vec![group("a", 1, &["x:1"]), group("b", 1, &["x:1"])],
            "expected each endpoint once, found x:1 twice",
        );
        refused(
            vec![group("a", 1, &[]), group("a", 1, &[])],
            "expected each group once, found a twice",
        );
        refused(
            vec![group("a b", 1, &[])],
            "expected a group name of 1 to 63 letters, digits and dashes, found \"a b\"",
        );
        refused(
            vec![group("a", 1_000_001, &[])],
            "expected a weight of at most 1000000, found 1000001",
        );
        refused(vec![group("a", 1, &[]); 65], "expected at most 64 groups, found 65");
        refused(vec![group("a", 1, &["x:1"; 1025])], "expected at most 1024 endpoints, found 1025");
    }
}
