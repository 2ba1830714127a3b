//! `getaddrinfo`, answered by the names of the topology.

use std::{
    ffi::{CStr, c_char},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ptr,
};

use libc::{
    AF_INET, AF_INET6, AF_UNSPEC, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, EAI_AGAIN,
    EAI_FAMILY, EAI_NONAME, EAI_SERVICE, SOCK_DGRAM, SOCK_STREAM, addrinfo, c_int, sockaddr,
};

use super::address::Raw;
use crate::interpose::{
    lockstep::pass_until,
    real::Next,
    threads::{at_kernel, is_inside, kernel},
};

/// What is asked.
struct Question {
    name: Option<String>,
    port: u16,
    flags: c_int,
    family: c_int,
    kind: c_int,
}

/// An answer of ours, by what stands before it in memory.
const OURS: u64 = 0x5371_7561_6c6c_6e73;

/// One address of an answer, with all that it points to.
#[repr(C)]
struct Entry {
    info: addrinfo,
    mark: u64,
    address: Raw,
}

/// # Safety
///
/// The pointers are null or valid.
unsafe fn question(
    name: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
) -> Result<Question, c_int> {
    // SAFETY: the caller vouches for it.
    let text = |text: *const c_char| unsafe { CStr::from_ptr(text) }.to_str().map(str::to_owned);
    let name = (!name.is_null()).then(|| text(name)).transpose().map_err(|_| EAI_NONAME)?;
    let port = if service.is_null() {
        0
    } else {
        let service = text(service).map_err(|_| EAI_SERVICE)?;
        match (service.parse(), service.as_str()) {
            (Ok(port), _) => port,
            // What `/etc/services` has of what services ask for.
            (Err(_), "http") => 80,
            (Err(_), "https") => 443,
            (Err(_), _) => return Err(EAI_SERVICE),
        }
    };
    let (flags, family, kind) = if hints.is_null() {
        (0, AF_UNSPEC, 0)
    } else {
        // SAFETY: the caller vouches for them.
        let hints = unsafe { &*hints };
        (hints.ai_flags, hints.ai_family, hints.ai_socktype)
    };
    if name.is_none() && service.is_null() {
        return Err(EAI_NONAME);
    }
    if !matches!(family, AF_UNSPEC | AF_INET | AF_INET6) {
        return Err(EAI_FAMILY);
    }
    Ok(Question { name, port, flags: flags & !AI_NUMERICSERV, family, kind })
}

/// The addresses that answer a question, in their order.
fn find(question: &Question) -> Result<Vec<IpAddr>, c_int> {
    let Some(name) = &question.name else {
        let (v4, v6) = if question.flags & AI_PASSIVE != 0 {
            (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED)
        } else {
            (Ipv4Addr::LOCALHOST, Ipv6Addr::LOCALHOST)
        };
        return Ok(vec![v4.into(), v6.into()]);
    };
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(vec![ip]);
    }
    if question.flags & AI_NUMERICHOST != 0 {
        return Err(EAI_NONAME);
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    let looked_up = at_kernel(|| {
        let kernel = kernel().ok_or(io::ErrorKind::NotFound)?;
        Ok(kernel.look_up(name))
    });
    let Ok((answered_at, answer)) = looked_up else { return Err(EAI_AGAIN) };
    pass_until(answered_at);
    match answer {
        Ok(Some(ip)) => Ok(vec![ip]),
        Ok(None) => Err(EAI_NONAME),
        Err(_) => Err(EAI_AGAIN),
    }
}

/// # Safety
///
/// As `getaddrinfo(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn getaddrinfo(
    name: *const c_char,
    service: *const c_char,
    hints: *const addrinfo,
    out: *mut *mut addrinfo,
) -> c_int {
    type Function = unsafe extern "C" fn(
        *const c_char,
        *const c_char,
        *const addrinfo,
        *mut *mut addrinfo,
    ) -> c_int;
    static NEXT: Next = Next::named("getaddrinfo\0");
    if !is_inside() {
        // SAFETY: this is libc's function of that name and type.
        let next: Function = unsafe { std::mem::transmute(NEXT.get()) };
        // SAFETY: the arguments are the caller's.
        return unsafe { next(name, service, hints, out) };
    }
    // SAFETY: the caller vouches for them.
    let question = match unsafe { question(name, service, hints) } {
        Ok(question) => question,
        Err(code) => return code,
    };
    let found = match find(&question) {
        Ok(found) => found,
        Err(code) => return code,
    };
    let of_family = found.into_iter().filter(|ip| match question.family {
        AF_INET => ip.is_ipv4(),
        AF_INET6 => ip.is_ipv6(),
        _ => true,
    });
    let kinds: &[c_int] = match question.kind {
        0 => &[SOCK_STREAM, SOCK_DGRAM],
        SOCK_STREAM => &[SOCK_STREAM],
        _ => &[SOCK_DGRAM],
    };
    let mut entries: Vec<(SocketAddr, c_int)> = Vec::new();
    for ip in of_family {
        entries.extend(kinds.iter().map(|kind| (SocketAddr::new(ip, question.port), *kind)));
    }
    if entries.is_empty() {
        return EAI_NONAME;
    }
    // Chained from the last one on.
    let chained = entries.into_iter().rev().fold(ptr::null_mut(), entry);
    // SAFETY: the caller vouches for the place.
    unsafe { *out = chained };
    0
}

fn entry(next: *mut addrinfo, (address, kind): (SocketAddr, c_int)) -> *mut addrinfo {
    let (raw, length) = Raw::new(address);
    let stream = kind == SOCK_STREAM;
    let entry = Box::into_raw(Box::new(Entry {
        info: addrinfo {
            ai_flags: 0,
            ai_family: if address.is_ipv4() { AF_INET } else { AF_INET6 },
            ai_socktype: kind,
            ai_protocol: if stream { libc::IPPROTO_TCP } else { libc::IPPROTO_UDP },
            ai_addrlen: libc::socklen_t::try_from(length).unwrap_or(0),
            ai_addr: ptr::null_mut(),
            ai_canonname: ptr::null_mut(),
            ai_next: next,
        },
        mark: OURS,
        address: raw,
    }));
    // SAFETY: it was made just now, and is whole.
    unsafe { (*entry).info.ai_addr = (&raw mut (*entry).address).cast::<sockaddr>() };
    entry.cast()
}

/// # Safety
///
/// As `freeaddrinfo(3)`.
#[unsafe(no_mangle)]
unsafe extern "C" fn freeaddrinfo(info: *mut addrinfo) {
    static NEXT: Next = Next::named("freeaddrinfo\0");
    let mut next = info;
    // SAFETY: an answer of libc's is as long as this one's beginning up to where its mark would be:
    // its address stands right behind, which is longer than the mark.
    while !next.is_null() && unsafe { (*next.cast::<Entry>()).mark } == OURS {
        // SAFETY: it is one of ours, and given back once.
        next = unsafe { Box::from_raw(next.cast::<Entry>()) }.info.ai_next;
    }
    if !next.is_null() {
        // SAFETY: this is libc's function of that name and type, and an answer of its own.
        unsafe {
            let free: unsafe extern "C" fn(*mut addrinfo) = std::mem::transmute(NEXT.get());
            free(next);
        }
    }
}
