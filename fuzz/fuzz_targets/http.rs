//! The HTTP ports of all services, for libFuzzer: [`squall_fuzz::http`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::http(data));
