//! What a page shows of a record: aggregated, so that a page is as large as a screen and not as
//! the run.

mod buckets;
mod lanes;
mod levels;
mod logs;
mod points;

pub(crate) use buckets::{Bucket, Buckets};
pub(crate) use lanes::{Lane, Stretch, breakers, hosts};
pub(crate) use levels::{Flat, GaugeView, gauges};
pub(crate) use logs::{Message, messages};
pub(crate) use points::failures;
