//! What an object is ready for.

use libc::{EPOLLERR, EPOLLHUP, EPOLLRDHUP, c_int};

use super::{
    epoll::{READABLE, WRITABLE},
    socket::Socket,
    table::{Kind, Object},
};
use crate::interpose::kernel::Readiness;

/// What an object is ready for, in the bits of epoll.
pub(crate) fn mask(object: &Object, wanted: c_int) -> c_int {
    match &object.kind {
        Kind::Socket(socket) => of_socket(socket, wanted),
        Kind::Epoll(epoll) => {
            if epoll.has_queued() {
                READABLE
            } else {
                0
            }
        }
        Kind::Event(event) => event.mask(),
        Kind::Channel(channel) => channel.mask(),
        Kind::Unix(socket) => socket.mask(),
        // A file is always ready.
        Kind::File(_) | Kind::Random | Kind::Text(_) => READABLE | WRITABLE,
    }
}

fn of_socket(socket: &Socket, wanted: c_int) -> c_int {
    let found = socket.kernel.readiness(socket.id, wanted & WRITABLE != 0);
    let Readiness { readable, writable, read_closed, hung_up, failed } = found;
    [
        (readable, READABLE),
        (writable, WRITABLE),
        (read_closed, EPOLLRDHUP),
        (hung_up, EPOLLHUP),
        (failed, EPOLLERR),
    ]
    .into_iter()
    .fold(0, |bits, (is, bit)| if is { bits | bit } else { bits })
}
