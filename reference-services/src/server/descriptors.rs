//! Descriptors, of which a process has so many: each listener may use up its share, and there are
//! some for everything else.

use std::sync::OnceLock;

/// How many the process may have open. Nothing is known of it in a simulation.
static LIMIT: OnceLock<u64> = OnceLock::new();

/// For logs, journals, timers and what else a process opens.
const RESERVE: u64 = 64;

/// Takes as many as the process may have, and bounds connections by that.
///
/// # Errors
///
/// When the kernel does not let it be raised; it is as it was then, and the bound is that.
pub(crate) fn take_all() -> std::io::Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = if raised.is_ok() { maximum } else { current };
    // Set once, when the process begins; no limit needs no bound.
    let _ = LIMIT.set(limit.unwrap_or(u64::MAX));
    Ok(raised?)
}

/// How many connections a listener that is configured for `wanted` may have: a process has two
/// listeners at the most, and about as many connections of its own.
pub(super) fn share(wanted: usize, address: std::net::SocketAddr) -> usize {
    let limit = LIMIT.get().copied().unwrap_or(u64::MAX);
    let share = share_of(limit, wanted);
    if share < wanted {
        tracing::warn!(%address, wanted, share, limit, "fewer connections, for want of descriptors");
    }
    share
}

fn share_of(limit: u64, wanted: usize) -> usize {
    let third = limit.saturating_sub(RESERVE) / 3;
    wanted.min(usize::try_from(third).unwrap_or(usize::MAX)).max(1)
}

#[cfg(test)]
mod tests {
    use super::share_of;

    #[test]
    fn two_listeners_leave_a_third_and_a_reserve() {
        assert_eq!(share_of(1024, 16_384), 320);
        assert_eq!(share_of(1_048_576, 16_384), 16_384);
        assert_eq!(share_of(u64::MAX, usize::MAX), usize::try_from((u64::MAX - 64) / 3).unwrap());
        assert_eq!(share_of(3, 5), 1);
    }
}
