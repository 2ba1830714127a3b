//! The sides that are compared, and one run on one of them.

use std::fmt;

use squall::{BoxError, plan::CongestionControl};

use crate::{
    app::{Job, Report},
    link::Conditions,
    real::{Capture, Run},
    simulated,
};

/// Whose TCP it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// This kernel's, with this congestion control.
    Linux(&'static str),
    Squall(CongestionControl),
}

impl Side {
    /// In the order of the tables.
    pub(crate) const ALL: [Self; 4] = [
        Self::Linux("cubic"),
        Self::Linux("bbr"),
        Self::Squall(CongestionControl::Cubic),
        Self::Squall(CongestionControl::Bbr),
    ];

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }

    /// Its cell in the tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Linux(congestion) => congestion,
            Self::Squall(CongestionControl::Bbr) => "Squall bbr",
            Self::Squall(_) => "Squall cubic",
        }
    }

    pub(crate) fn is_squall(self) -> bool {
        matches!(self, Self::Squall(_))
    }

    /// Squall with the congestion control of this side.
    pub(crate) fn simulated(self) -> Self {
        match self {
            Self::Linux("bbr") => Self::Squall(CongestionControl::Bbr),
            Self::Linux(_) => Self::Squall(CongestionControl::Cubic),
            Self::Squall(_) => self,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What came of one run.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    /// What the link carried; only the emulated one tells.
    pub(crate) capture: Option<Capture>,
}

/// How often a run is begun again because the machine held it up.
const ATTEMPTS: u32 = 3;

/// Performs `job` once.
///
/// A measurement during which the machine could not keep the time of the link is repeated.
///
/// # Errors
///
/// When the run cannot be performed.
pub(crate) fn perform(
    side: Side,
    conditions: &Conditions,
    job: &Job,
    seed: u64,
    captures: bool,
) -> Result<Outcome, BoxError> {
    let congestion = match side {
        Side::Linux(congestion) => congestion,
        Side::Squall(congestion) => {
            let report = simulated::run(conditions, job, congestion, seed)?;
            return Ok(Outcome { report, capture: None });
        }
    };
    let mut attempt = 1;
    loop {
        let (report, capture) = Run { conditions, job, congestion, seed, captures }.perform()?;
        if capture.is_in_time() || attempt == ATTEMPTS {
            return Ok(Outcome { report, capture: Some(capture) });
        }
        eprintln!("the link was late: {}", capture.lateness());
        attempt += 1;
    }
}

impl Outcome {
    /// What matters of the run itself, in a line.
    pub(crate) fn noted(&self) -> String {
        let requests = &self.report.requests;
        let unanswered = requests.iter().filter(|request| !request.answered).count();
        let late = self.capture.as_ref().map(Capture::lateness);
        let late = late.map(|late| format!("; {late}")).unwrap_or_default();
        format!("{} requests, {unanswered} not answered{late}", requests.len())
    }
}
