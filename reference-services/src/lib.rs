//! Real services for Squall to break: an aggregation API and its four dependencies.
