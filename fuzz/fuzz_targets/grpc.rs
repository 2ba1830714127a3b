//! The gRPC ports of all services, for libFuzzer: [`squall_fuzz::grpc`] has what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| squall_fuzz::grpc(data));
