//! Sockets of the network, which the kernel of a host has.

use std::{cell::Cell, rc::Rc};

use crate::interpose::kernel::Kernel;

/// A socket of a host's kernel, closed when it is dropped.
pub(crate) struct Socket {
    pub(crate) kernel: Rc<dyn Kernel>,
    pub(crate) id: u64,
    pub(crate) stream: bool,
    pub(crate) v6: bool,
    /// How long a call waits that may.
    pub(crate) receive_timeout: Cell<u64>,
    pub(crate) send_timeout: Cell<u64>,
}

impl Socket {
    pub(crate) fn new(kernel: Rc<dyn Kernel>, id: u64, stream: bool, v6: bool) -> Self {
        let (receive_timeout, send_timeout) = (Cell::new(0), Cell::new(0));
        Self { kernel, id, stream, v6, receive_timeout, send_timeout }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.kernel.close(self.id);
    }
}
