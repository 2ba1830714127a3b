//! Real processes as a backend: each host of a plan is a process of its own on this machine.

mod telemetry;
