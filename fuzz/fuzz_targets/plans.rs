//! Plans as JSON, for libFuzzer: [`squall_fuzz::plans`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::plans(data));
