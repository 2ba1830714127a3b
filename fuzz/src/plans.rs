//! Plans, which are kept as JSON in records and made by anybody.
//!
//! What is no plan is refused, a plan is checked without harm, and one that can be performed says the
//! same when it is written and read again.

use std::sync::LazyLock;

use serde_json::Value;
use squall::plan::Plan;

use crate::{edits::edit, input::Input};

/// The plans that inputs change: of a shop, a worker pool and a deploy.
static PLANS: LazyLock<[Value; 3]> = LazyLock::new(|| {
    [
        include_str!("../../fixtures/records/reviews-hung.jsonl"),
        include_str!("../../fixtures/records/pool-broker-crashes.jsonl"),
        include_str!("../../fixtures/records/deploy-rolling-update.jsonl"),
    ]
    .map(|record| {
        let header = record.lines().next().unwrap_or_default();
        let mut header: Value = serde_json::from_str(header).expect("a header");
        header["plan"].take()
    })
});

/// An input that begins with `{` is a plan. Any other is changes of one of three plans.
///
/// # Panics
///
/// If anything of the above is not so.
pub fn plans(data: &[u8]) {
    let plan = if data.first() == Some(&b'{') {
        serde_json::from_slice::<Plan>(data)
    } else {
        let mut input = Input::new(data);
        let mut plan = PLANS[usize::from(input.byte()) % PLANS.len()].clone();
        edit(&mut plan, &mut input);
        serde_json::from_str(&plan.to_string())
    };
    let Ok(plan) = plan else { return };
    if let Err(error) = plan.check() {
        assert!(!error.to_string().is_empty());
        return;
    }
    assert!(plan.duration() >= plan.lasts);
    let text = serde_json::to_string(&plan).expect("a plan that is written");
    let again: Plan = serde_json::from_str(&text).expect("and read again");
    assert_eq!(again, plan, "it says the same");
    again.check().expect("and can be performed");
}
