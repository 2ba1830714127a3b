//! The API of the proxy, and its configuration file, for libFuzzer: [`squall_fuzz::toxiproxy`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::toxiproxy(data));
