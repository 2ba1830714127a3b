//! Who goes first on the processor.

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

/// The application, ahead of all that has nothing to do with the measurement.
pub(crate) const APPLICATION: u8 = 5;

/// The link, ahead of the application: it must not wait for those that it delays.
pub(crate) const LINK: u8 = 10;

/// Schedules this thread ahead of others, if that is allowed. What a busy machine does to a
/// measurement without it shows in how late the link's packets were.
pub(crate) fn raise(to: u8) {
    let Ok(value) = ThreadPriorityValue::try_from(to) else { return };
    let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
    let priority = ThreadPriority::Crossplatform(value);
    let _ = set_thread_priority_and_policy(thread_native_id(), priority, fifo);
}
