//! What those who take part answer is lost on the way, after they have done what they were asked for.

use squall::{
    Scenario,
    objective::{sometimes, succeeded},
    plan::{reset, timeout},
};

use crate::{
    orders::{asked_again, call, orders},
    shop::ms,
};

pub(super) fn scenario() -> Scenario {
    orders(
        "answers-lost",
        "A charge whose answer was lost is asked for again under the same key, and made once",
    )
    .fault(timeout("payments", ms(100)).with_peer("orders").from(ms(500)).until(ms(1_300)))
    .fault(reset("shipping").from(ms(700)).until(ms(800)))
    .fault(reset("payments").from(ms(1_900)).until(ms(2_000)))
    .fault(timeout("stock", ms(100)).with_peer("orders").from(ms(2_100)).until(ms(2_400)))
    .objective(succeeded().at_least(1.0).over_the_run())
    .objective(sometimes(asked_again("payments")).times_at_least(5))
    .objective(sometimes(call("payments").with("outcome", "error")))
    .all_in_books()
    .all_completed()
    .build()
}
