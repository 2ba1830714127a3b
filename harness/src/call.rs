//! Calls of the user's own: what one is told, and what it says became of it.

use std::{
    any::{Any, TypeId},
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use squall_reports::record::Outcome;

/// One attempt of a request that a client of a load makes with the user's own code, see
/// [`Services::with_call`](crate::Services::with_call).
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) number: u32,
    pub(crate) id: u64,
    pub(crate) attempt: u8,
    pub(crate) seed: u64,
    pub(crate) intended: Duration,
    pub(crate) time_left: Duration,
    pub(crate) route: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) traceparent: String,
    pub(crate) kept: Kept,
}

impl Call {
    /// The number of the request: the same for each of its attempts and for no other request of
    /// the run; 0 for those that warm up.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The number that was drawn for the request, from 1 to
    /// [`ids`](crate::plan::RequestSpec::ids): what `{id}` is for requests of HTTP.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Which attempt of the request this is: 1 for the first.
    #[must_use]
    pub fn attempt(&self) -> u8 {
        self.attempt
    }

    /// A number drawn for the request from the seed of the run, the same for each of its attempts:
    /// the seed for a generator of whatever the request is to be made of.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When the request was meant to start, since the beginning of the run: what its latency counts
    /// from.
    #[must_use]
    pub fn intended(&self) -> Duration {
        self.intended
    }

    /// How long the client still waited for an answer when this attempt began: what is left of the
    /// load's timeout, for protocols that pass a deadline on.
    #[must_use]
    pub fn time_left(&self) -> Duration {
        self.time_left
    }

    /// The name of the route.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// The target of the load, `name:port`; on real processes the address at which this client reaches
    /// it, for a call to connect to.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The name of the client host that this runs on.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The W3C `traceparent` of the attempt. Services that have its trace id in the field
    /// `trace_id` of their spans work for this request. Spans of the call itself do so without.
    #[must_use]
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// What all calls of the load on this client host have in common, such as a pool of
    /// connections: what the first that asks for this type has made. It is there until the client's
    /// process ends, and never in two runs. Requests that warm up have one of their own.
    ///
    /// ```
    /// # use std::sync::atomic::{AtomicU64, Ordering};
    /// # use squall::Call;
    /// fn place_in_line(call: &Call) -> u64 {
    ///     call.keep(AtomicU64::default).fetch_add(1, Ordering::Relaxed)
    /// }
    /// ```
    #[must_use]
    pub fn keep<T: Send + Sync + 'static>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let found = self.kept.get(TypeId::of::<T>());
        if let Some(kept) = found.and_then(|kept| kept.downcast().ok()) {
            return kept;
        }
        // Made without holding the lock: it may ask for something that is kept itself.
        let made = Arc::new(make());
        self.kept.set(TypeId::of::<T>(), Arc::clone(&made) as Arc<dyn Any + Send + Sync>);
        made
    }
}

/// What the calls of a load keep in a process, by its type.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<TypeId, Arc<dyn Any + Send + Sync>>>>);

impl Kept {
    fn get(&self, of: TypeId) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.lock().expect("nothing panics while it holds the lock").get(&of).cloned()
    }

    fn set(&self, of: TypeId, kept: Arc<dyn Any + Send + Sync>) {
        self.0.lock().expect("nothing panics while it holds the lock").insert(of, kept);
    }
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

/// The status that stands for an answer which came and is not what was asked for.
const ANSWERED: u16 = 200;

/// What became of a [`Call`].
///
/// A load with retries tries again what was shed, and of failures those that another attempt may
/// mend: without a status, or with one of 429 or from 500 on, as for requests of HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub(crate) outcome: Outcome,
    pub(crate) status: u16,
    pub(crate) note: String,
    pub(crate) may_be_retried: bool,
}

impl Reply {
    /// A complete answer.
    #[must_use]
    pub fn succeeded() -> Self {
        Self::new(Outcome::Succeeded, 0, String::new())
    }

    /// A useful answer without what `left_out` says.
    #[must_use]
    pub fn degraded(left_out: impl Into<String>) -> Self {
        Self::new(Outcome::Degraded, 0, left_out.into())
    }

    /// Refused by a service that protects itself.
    #[must_use]
    pub fn shed(why: impl Into<String>) -> Self {
        Self::new(Outcome::Shed, 0, why.into())
    }

    /// An error, or no answer.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, 0, why.into())
    }

    /// An answer that is not what was asked for: a failure, which
    /// [`wrong`](crate::objective::wrong) counts and no attempt mends. Its status is 200.
    #[must_use]
    pub fn wrong(why: impl Into<String>) -> Self {
        Self::new(Outcome::Failed, ANSWERED, why.into())
    }

    /// Gives it a status like those of HTTP, which reports show and
    /// [`failed_otherwise_than`](crate::objective::failed_otherwise_than) looks at. 0, unless told
    /// otherwise, for none. A failure with a status of 2xx is a [wrong](Self::wrong) answer.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Says that no other attempt may mend it.
    #[must_use]
    pub fn not_retried(mut self) -> Self {
        self.may_be_retried = false;
        self
    }

    fn new(outcome: Outcome, status: u16, note: String) -> Self {
        Self { outcome, status, note, may_be_retried: true }
    }
}

/// A call that says no more has succeeded.
impl From<()> for Reply {
    fn from((): ()) -> Self {
        Self::succeeded()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Call, Kept};

    fn call(kept: &Kept) -> Call {
        Call {
            number: 1,
            id: 1,
            attempt: 1,
            seed: 1,
            intended: Duration::ZERO,
            time_left: Duration::ZERO,
            route: String::new(),
            target: String::new(),
            host: String::new(),
            traceparent: String::new(),
            kept: kept.clone(),
        }
    }

    #[test]
    fn what_is_kept_is_made_once_for_each_type() {
        let kept = Kept::default();
        let first = call(&kept).keep(|| "made".to_owned());
        let second = call(&kept).keep(|| "made again".to_owned());
        assert_eq!((&*first, &*second), (&"made".to_owned(), &"made".to_owned()));
        assert_eq!(*call(&kept).keep(|| 7_u8), 7);
        assert_eq!(*call(&Kept::default()).keep(|| "another".to_owned()), "another");
    }
}
