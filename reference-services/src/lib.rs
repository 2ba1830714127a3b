//! Real services for Squall to break: an aggregation API and its four dependencies.

pub mod aggregation;
pub mod cli;
pub mod config;
pub mod dependency;
mod metrics;
pub mod pb;
