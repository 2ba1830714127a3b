//! A service in a chain: it does a piece of work, asks the next one for its piece, and says who has
//! worked. Three of them, front, middle and back, are what overload travels along.
//!
//! | file | has |
//! | --- | --- |
//! | `http` | the routes, and the room for work |
//! | `next` | the calls to the next one: tries, budget, deadline |

mod config;
mod defect;
mod http;
mod metrics;
mod next;
mod service;

pub use config::{Config, RetryConfig};
pub use defect::Defect;
pub use service::{Bound, bind, run};
