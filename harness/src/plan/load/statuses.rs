//! Which statuses of an answer are shed and which are degraded.

use serde::{Deserialize, Serialize};

/// Which statuses are shed and which are degraded: HTTP statuses, or for calls of gRPC the numbers
/// of [`GrpcCode`](super::GrpcCode)s.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Statuses {
    /// An answer with one of these is shed, and no other. If not given: 429, and 503 with
    /// `Retry-After`; of gRPC `RESOURCE_EXHAUSTED` and `UNAVAILABLE`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shed: Option<Vec<u16>>,
    /// An answer with one of these is degraded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub degraded: Vec<u16>,
}

impl Statuses {
    /// Has nobody said anything of them?
    pub(crate) fn are_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Is an answer with this status shed? Where nobody has said which are, `usually` says it.
    pub(crate) fn shed(&self, status: u16, usually: impl FnOnce() -> bool) -> bool {
        self.shed.as_ref().map_or_else(usually, |shed| shed.contains(&status))
    }

    /// What is wrong with them for requests of HTTP, if anything.
    pub(crate) fn check_http(&self) -> Result<(), String> {
        let shed = self.shed.iter().flatten();
        if let Some(found) = shed.clone().find(|status| !(300..600).contains(*status)) {
            return Err(format!("expected HTTP statuses from 300 to 599 as shed, found {found}"));
        }
        if let Some(found) = self.degraded.iter().find(|status| !(200..600).contains(*status)) {
            let expected = "expected HTTP statuses from 200 to 599 as degraded";
            return Err(format!("{expected}, found {found}"));
        }
        self.check_apart()
    }

    /// What is wrong with them for calls of gRPC, if anything.
    pub(crate) fn check_grpc(&self) -> Result<(), String> {
        let named = self.shed.iter().flatten().chain(&self.degraded);
        if let Some(found) = named.into_iter().find(|code| !(1..=16).contains(*code)) {
            let expected = "expected codes of gRPC from 1 to 16 as shed or degraded";
            return Err(format!("{expected}, found {found}"));
        }
        self.check_apart()
    }

    fn check_apart(&self) -> Result<(), String> {
        let both = self.shed.iter().flatten().find(|status| self.degraded.contains(status));
        both.map_or(Ok(()), |both| {
            Err(format!("expected a status to be shed or degraded, found {both} as both"))
        })
    }
}
