//! Socket addresses as C has them.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
};

use libc::{
    AF_INET, AF_INET6, c_int, in_addr, in6_addr, sockaddr, sockaddr_in, sockaddr_in6, socklen_t,
};

/// Reads an address.
///
/// # Errors
///
/// `EINVAL` when it is too short for its family, `EAFNOSUPPORT` when it is of another one.
///
/// # Safety
///
/// There are `length` bytes at `address`.
pub(super) unsafe fn read(address: *const sockaddr, length: socklen_t) -> io::Result<SocketAddr> {
    let length = length as usize;
    if address.is_null() {
        return Err(io::Error::from_raw_os_error(libc::EFAULT));
    }
    if length < size_of::<libc::sa_family_t>() {
        return Err(io::Error::from_raw_os_error(libc::EINVAL));
    }
    // SAFETY: that the family is there was just checked.
    let family = c_int::from(unsafe { (&raw const (*address).sa_family).read_unaligned() });
    match family {
        AF_INET if length >= size_of::<sockaddr_in>() => {
            // SAFETY: it is an address of this family, and whole.
            let found = unsafe { address.cast::<sockaddr_in>().read_unaligned() };
            let ip = Ipv4Addr::from(found.sin_addr.s_addr.to_ne_bytes());
            Ok(SocketAddrV4::new(ip, u16::from_be(found.sin_port)).into())
        }
        AF_INET6 if length >= size_of::<sockaddr_in6>() => {
            // SAFETY: it is an address of this family, and whole.
            let found = unsafe { address.cast::<sockaddr_in6>().read_unaligned() };
            let ip = Ipv6Addr::from(found.sin6_addr.s6_addr);
            let port = u16::from_be(found.sin6_port);
            Ok(SocketAddrV6::new(ip, port, found.sin6_flowinfo, found.sin6_scope_id).into())
        }
        AF_INET | AF_INET6 => Err(io::Error::from_raw_os_error(libc::EINVAL)),
        _ => Err(io::Error::from_raw_os_error(libc::EAFNOSUPPORT)),
    }
}

/// An address of either family.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) union Raw {
    v4: sockaddr_in,
    v6: sockaddr_in6,
}

impl Raw {
    pub(super) fn new(address: SocketAddr) -> (Self, usize) {
        match address {
            SocketAddr::V4(address) => {
                let v4 = sockaddr_in {
                    sin_family: family(AF_INET),
                    sin_port: address.port().to_be(),
                    sin_addr: in_addr { s_addr: u32::from_ne_bytes(address.ip().octets()) },
                    sin_zero: [0; 8],
                };
                (Self { v4 }, size_of::<sockaddr_in>())
            }
            SocketAddr::V6(address) => {
                let v6 = sockaddr_in6 {
                    sin6_family: family(AF_INET6),
                    sin6_port: address.port().to_be(),
                    sin6_flowinfo: address.flowinfo(),
                    sin6_addr: in6_addr { s6_addr: address.ip().octets() },
                    sin6_scope_id: address.scope_id(),
                };
                (Self { v6 }, size_of::<sockaddr_in6>())
            }
        }
    }
}

fn family(family: c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).unwrap_or(0)
}

/// Writes an address to where a call wants it, cut off if there is no room for all of it; the
/// length is that of the whole.
///
/// # Safety
///
/// `out` is null, or there are `*length` bytes at it.
pub(super) unsafe fn write(address: SocketAddr, out: *mut sockaddr, length: *mut socklen_t) {
    if out.is_null() || length.is_null() {
        return;
    }
    let (raw, size) = Raw::new(address);
    // SAFETY: the caller vouches for both places; no more is written than there is room for.
    unsafe {
        let room = (*length as usize).min(size);
        std::ptr::copy_nonoverlapping((&raw const raw).cast::<u8>(), out.cast::<u8>(), room);
        *length = socklen_t::try_from(size).unwrap_or(0);
    }
}
