//! A configuration that is read again while the service runs: on SIGHUP, and when its file has
//! changed.
//!
//! All layers are applied as at the start, and the outcome is checked, before any of it is used. What
//! cannot be used is refused as a whole, said in the log and in the metrics, and the one before stays.
//! The same goes for a change of what a running service cannot change, such as its address: each
//! service names what it can ([`Config::LIVE`]).
//!
//! The file is looked at, once a second, and not watched: no system tells of a change of a file
//! that is mounted from somewhere else, or reached over a link that is replaced as Kubernetes does for
//! a ConfigMap. A file that looks other than before is read when it looks the same twice, so that one
//! that is still being written is waited for.

use std::{
    convert::Infallible,
    path::Path,
    time::{Duration, SystemTime},
};

use squall_os::signal::Hangups;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Config, ConfigError, Live, Secret, Sources, load, reloads::Reloads};

/// How often the file is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why a new configuration is not used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// It could not be used at the start either.
    #[error(transparent)]
    Bad(#[from] ConfigError),
    /// It changes what only another start can change.
    #[error("expected no change of {changed}, which takes a restart; what can change is {live}")]
    #[non_exhaustive]
    Fixed {
        /// The fields that changed and cannot.
        changed: String,
        /// The fields that can.
        live: String,
    },
}

/// The sources of a configuration, and what was made of them last.
#[derive(Debug)]
pub struct Reloading<C> {
    sources: Sources,
    live: Live<C>,
    reloads: Reloads,
}

impl<C: Config> Reloading<C> {
    /// Reads the configuration for the first time.
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load(sources: Sources) -> Result<Self, ConfigError> {
        let reloads = Reloads::default();
        let live = Live::new(load(&sources)?).counted(reloads.clone());
        Ok(Self { sources, live, reloads })
    }

    /// What a service is run with.
    #[must_use]
    pub fn live(&self) -> Live<C> {
        self.live.clone()
    }

    /// Runs a service, and reads its configuration again whenever that is asked for.
    ///
    /// # Errors
    ///
    /// Those of the service.
    pub async fn run<F, E>(self, service: impl FnOnce(Live<C>) -> F) -> Result<(), E>
    where
        F: Future<Output = Result<(), E>>,
    {
        let service = service(self.live());
        tokio::select! {
            biased;
            ended = service => ended,
            never = self.follow() => match never {},
        }
    }

    async fn follow(&self) -> Infallible {
        let mut hangups = Hangups::new()
            .inspect_err(|error| tracing::warn!(%error, "cannot listen for SIGHUP"))
            .ok();
        let mut looks = interval_at(Instant::now() + LOOK, LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let file = self.sources.file.as_deref();
        let mut seen = Seen::new(Looks::at(file).await);
        loop {
            let hangup = async {
                match &mut hangups {
                    Some(hangups) => hangups.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = hangup => {
                    seen = Seen::new(Looks::at(file).await);
                    self.reload();
                }
                _ = looks.tick(), if file.is_some() => {
                    if seen.is_another(Looks::at(file).await) {
                        self.reload();
                    }
                }
            }
        }
    }

    /// Reads all layers, and uses the outcome if it can be used.
    fn reload(&self) {
        let read = self.read();
        self.reloads.count(read.is_ok());
        match read {
            Ok(changed) => tracing::info!(changed, "configuration read again"),
            Err(error) => tracing::error!(%error, "configuration refused, the one before stays"),
        }
    }

    /// Says which fields changed.
    fn read(&self) -> Result<String, ReloadError> {
        let new: C = load(&self.sources)?;
        let changed = changes(&*self.live.get(), &new);
        let is_live = |field: &String| {
            let under = |live: &str| {
                field
                    .strip_prefix(live)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            C::LIVE.iter().any(|live| under(live))
        };
        let fixed: Vec<&String> = changed.iter().filter(|field| !is_live(field)).collect();
        if !fixed.is_empty() {
            return Err(ReloadError::Fixed { changed: list(&fixed), live: list(C::LIVE) });
        }
        let changed = list(&changed);
        self.live.replace(new);
        Ok(changed)
    }
}

/// What a file looks like from outside; `None` for one that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Looks(Option<(u64, Option<SystemTime>, u64)>);

impl Looks {
    async fn at(file: Option<&Path>) -> Self {
        use std::os::unix::fs::MetadataExt;
        let Some(file) = file else { return Self(None) };
        let found = tokio::fs::metadata(file).await.ok();
        Self(found.map(|it| (it.len(), it.modified().ok(), it.ino())))
    }
}

/// What the file looked like when it was read, and when it was last looked at.
#[derive(Debug)]
struct Seen {
    read: Looks,
    last: Looks,
}

impl Seen {
    fn new(read: Looks) -> Self {
        Self { read, last: read }
    }

    /// Is it another file than the one that was read, and was it the last time? Then it is read now.
    fn is_another(&mut self, now: Looks) -> bool {
        let settled = std::mem::replace(&mut self.last, now) == now;
        let another = settled && now != self.read;
        if another {
            self.read = now;
        }
        another
    }
}

/// The fields in which the two differ, with dots between levels, in the order of the alphabet.
fn changes<C: Config>(old: &C, new: &C) -> Vec<String> {
    fn walk(old: &toml::Table, new: &toml::Table, before: &str, found: &mut Vec<String>) {
        let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let path = format!("{before}{name}");
            match (old.get(name), new.get(name)) {
                (Some(toml::Value::Table(old)), Some(toml::Value::Table(new))) => {
                    walk(old, new, &format!("{path}."), found);
                }
                (old, new) if old == new => {}
                _ => found.push(path),
            }
        }
    }
    let table = |config: &C| toml::Table::try_from(config).unwrap_or_default();
    let mut found = Vec::new();
    walk(&table(old), &table(new), "", &mut found);
    // They are written down as if all were the same.
    let revealed = |secret: Option<&Secret>| secret.map(|secret| secret.reveal().to_owned());
    for ((name, old), (_, new)) in old.secrets().into_iter().zip(new.secrets()) {
        if revealed(old) != revealed(new) && !found.iter().any(|it| it == name) {
            found.push(name.to_owned());
        }
    }
    found
}

fn list(names: &[impl AsRef<str>]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    if quoted.is_empty() { "nothing".to_owned() } else { quoted.join(", ") }
}

#[cfg(test)]
mod tests;
