//! The descriptors of a run, what they refer to, and who is told when something happens to that.
//!
//! All of it belongs to the thread of the run, and nothing here waits.

mod channel;
mod define;
mod epoll;
mod event;
mod file;
mod flow;
mod name;
mod news;
mod number;
mod polling;
mod readiness;
mod socket;
mod table;
mod unix;
mod watch;

pub(crate) use channel::{Channel, Timeouts};
pub(crate) use define::on_descriptors;
pub(crate) use epoll::Epoll;
pub(crate) use event::Event;
pub(crate) use file::{Lock, OpenFile, Text};
pub(crate) use flow::Flow;
pub(crate) use name::{Name, write_name};
pub(crate) use news::take_hosts;
pub(crate) use number::{FIRST, is_simulated};
pub(crate) use polling::{await_all, control, event, look};
pub(crate) use readiness::mask;
pub(crate) use socket::Socket;
pub(crate) use table::{
    Kind, Object, all, all_closed, any_other, close, close_on_exec, duplicate, duplicate_to,
    forget, get, open, set_close_on_exec,
};
pub(crate) use unix::UnixSocket;
pub(crate) use watch::notify;
