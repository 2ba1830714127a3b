//! The kernel, the faults and the load, each seen doing what it is there for.

mod partition;
mod world;
