//! What the orchestrator logs: a message, and pairs of a name and a value.

use std::fmt::{Display, Write as _};

use squall_reports::record::{EventKind, Kept, Level, Log};

use crate::run::environment::Environment;

/// What a log event says besides its message.
#[derive(Clone, Debug, Default)]
pub(super) struct Said(Vec<(&'static str, String)>);

/// One pair, for the first of several.
pub(super) fn said(name: &'static str, value: impl Display) -> Said {
    Said::default().and(name, value)
}

impl Said {
    pub(super) fn and(mut self, name: &'static str, value: impl Display) -> Self {
        let mut kept = Kept::default();
        // Keeping a text does not fail.
        let _ = write!(kept, "{value}");
        self.0.push((name, kept.take().to_owned()));
        self
    }

    /// And all that `more` says.
    pub(super) fn and_all(mut self, more: Self) -> Self {
        self.0.extend(more.0);
        self
    }
}

/// Logs an event on a host.
pub(super) fn log(env: &impl Environment, host: u16, message: &str, said: &Said) {
    let pairs = said.0.iter().map(|(name, value)| (env.intern(name), env.intern(value)));
    let pairs: Vec<_> = pairs.collect();
    let log = Log {
        host,
        level: Level::Info,
        target: env.intern("orchestrator"),
        message: env.intern(message),
        attributes: env.intern_attributes(&pairs),
        request: 0,
        after: env.last_span(),
    };
    env.record(EventKind::Log(Box::new(log)));
}
