//! Where the dependencies are.

use http::Uri;
use serde::{Deserialize, Serialize};

use crate::{config::Invalid, dependency::Kind, server::endpoint, tls::ClientTls};

/// More endpoints than this are for a load balancer.
const ENDPOINTS_MAX: usize = 64;

/// Where the dependencies are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Upstreams {
    /// Critical. Default `http://127.0.0.1:50051`.
    pub inventory: Addresses,
    /// Default `http://127.0.0.1:50052`.
    pub pricing: Addresses,
    /// Default `http://127.0.0.1:50053`.
    pub reviews: Addresses,
    /// Default `http://127.0.0.1:50054`.
    pub recommendations: Addresses,
    /// What the connections to all four are secured with; then their addresses are `https://host:port`.
    /// Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
}

/// Where one dependency is: `http://host:port`, or a list of these, one for each of its replicas, with
/// 1 to 64 that differ. Calls are then balanced among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected http://host:port, or a list of these")]
pub enum Addresses {
    /// A single endpoint, all of whose calls are its.
    One(String),
    /// Several endpoints.
    Several(Vec<String>),
}

impl From<String> for Addresses {
    fn from(address: String) -> Self {
        Self::One(address)
    }
}

impl Addresses {
    fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Several(texts) => texts,
        }
    }
}

impl Default for Upstreams {
    fn default() -> Self {
        let local = |kind: Kind| format!("http://127.0.0.1:{}", kind.port()).into();
        Self {
            inventory: local(Kind::Inventory),
            pricing: local(Kind::Pricing),
            reviews: local(Kind::Reviews),
            recommendations: local(Kind::Recommendations),
            tls: None,
        }
    }
}

impl Upstreams {
    /// Where a dependency is, in 1 to 64 places; refuses what is not an address.
    pub(super) fn uris(&self, kind: Kind) -> Result<Vec<Uri>, Invalid> {
        let (field, addresses) = match kind {
            Kind::Inventory => ("upstreams.inventory", &self.inventory),
            Kind::Pricing => ("upstreams.pricing", &self.pricing),
            Kind::Reviews => ("upstreams.reviews", &self.reviews),
            Kind::Recommendations => ("upstreams.recommendations", &self.recommendations),
        };
        let mut uris: Vec<Uri> = Vec::new();
        for text in addresses.texts() {
            let uri = endpoint(field, text, self.tls.as_ref())?;
            let known = uris.iter().any(|known| known.authority() == uri.authority());
            Invalid::unless(!known, field, "each endpoint once", text)?;
            uris.push(uri);
        }
        let count = uris.len();
        let in_range = (1..=ENDPOINTS_MAX).contains(&count);
        Invalid::unless(in_range, field, format!("1 to {ENDPOINTS_MAX} endpoints"), count)?;
        Ok(uris)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn uris(reviews: Value) -> Result<Vec<String>, String> {
        let upstreams = serde_json::from_value::<Upstreams>(json!({ "reviews": reviews }));
        let upstreams = upstreams.map_err(|error| error.to_string())?;
        let uris = upstreams.uris(Kind::Reviews).map_err(|error| error.to_string())?;
        Ok(uris.iter().map(|uri| uri.authority().expect("it has one").to_string()).collect())
    }

    #[track_caller]
    fn refused(reviews: Value, expected: &str) {
        assert_eq!(uris(reviews).expect_err("it is refused"), expected);
    }

    #[test]
    fn one_address_or_a_list_of_them() {
        assert_eq!(uris(json!("http://a:1")).expect("valid"), ["a:1"]);
        assert_eq!(uris(json!(["http://a:1"])).expect("valid"), ["a:1"]);
        assert_eq!(uris(json!(["http://a:1", "http://b:1"])).expect("valid"), ["a:1", "b:1"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let field = "`upstreams.reviews`: expected";
        refused(json!("a:1"), &format!("{field} http://host:port, found a:1"));
        refused(json!(["http://a:1", "b:1"]), &format!("{field} http://host:port, found b:1"));
        let twice = json!(["http://a:1", "http://a:1/"]);
        refused(twice, &format!("{field} each endpoint once, found http://a:1/"));
        refused(json!([]), &format!("{field} 1 to 64 endpoints, found 0"));
        let many: Vec<_> = (1..=65).map(|port| format!("http://a:{port}")).collect();
        refused(json!(many), &format!("{field} 1 to 64 endpoints, found 65"));
        refused(json!(5), "expected http://host:port, or a list of these");
    }

    #[test]
    fn a_list_is_a_list_again() {
        let upstreams = Upstreams {
            reviews: Addresses::Several(vec!["http://a:1".to_owned(), "http://b:1".to_owned()]),
            ..Upstreams::default()
        };
        let text = toml::to_string(&upstreams).expect("it can be written");
        assert_eq!(toml::from_str::<Upstreams>(&text).expect("and read"), upstreams);
    }
}
