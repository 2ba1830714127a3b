//! Journals of the broker and the store, for libFuzzer: [`squall_fuzz::journal`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::journal(data));
