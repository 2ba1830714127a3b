//! The kernel, the faults and the load, each seen doing what it is there for.

#[global_allocator]
static ALLOCATOR: squall::CountingAllocator = squall::CountingAllocator;

mod canary;
mod clocks;
mod cluster;
mod cpu;
mod deploy;
mod determinism;
mod disk_faults;
mod endings;
mod files;
mod links;
mod load;
mod load_calls;
mod load_faults;
mod load_grpc;
mod load_http2;
mod names;
mod network_faults;
mod no_effect;
mod no_load;
mod nodes;
mod observed;
mod operations;
mod partition;
mod pods;
mod process;
mod queues;
mod scrape;
mod service_faults;
mod severed;
mod signals;
mod std_files;
mod threads;
mod time;
mod transfer;
mod udp;
mod unix;
mod world;
