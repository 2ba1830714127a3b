//! The record of a run: its schema, its digest, and everything drawn from it.
