//! The calls of the user's own, which are made in this process.

use std::{any::Any, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt;
use squall_reports::record::EndCause;

use super::environment::Shared;
use crate::service::{CallFuture, Calls};

/// The same calls, with a panic in one of them as the end of the run, as it is in a simulation.
pub(super) fn guarded(calls: &Calls, run: &Arc<Shared>) -> Arc<Calls> {
    let mut guarded = Calls::new();
    for (name, call) in calls {
        let (call, run) = (Arc::clone(call), Arc::clone(run));
        let begin = move |asked: crate::call::Call| -> CallFuture {
            let (host, run) = (asked.host().to_owned(), Arc::clone(&run));
            let call = Arc::clone(&call);
            Box::pin(async move {
                let future = AssertUnwindSafe(async move { call(asked).await });
                match future.catch_unwind().await {
                    Ok(ending) => ending,
                    Err(panic) => {
                        let message = text_of(&*panic);
                        run.stop(EndCause::Panicked { host, message: message.clone() });
                        Err(message.into())
                    }
                }
            })
        };
        guarded.insert(name.clone(), Arc::new(begin));
    }
    Arc::new(guarded)
}

/// What is said in a panic.
pub(super) fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a text").to_owned()
}
