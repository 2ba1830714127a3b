//! Records of runs, for libFuzzer: [`squall_fuzz::records`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::records(data));
