//! Users present sessions that are theirs, and some that are not.

use squall::Scenario;

use crate::fleet::{fleet, rollout, secs, v2};

pub(super) fn scenario() -> Scenario {
    fleet("sessions-checked", "Every pod knows a session as it was left, and nothing that is none")
        .requests(50.0, secs(22))
        .sessions_checked(secs(3))
        .operation(rollout(v2(), secs(2)))
        .completes()
        .build()
}
