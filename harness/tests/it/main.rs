//! The kernel, the faults and the load, each seen doing what it is there for.

mod cpu;
mod endings;
mod partition;
mod process;
mod time;
mod world;
