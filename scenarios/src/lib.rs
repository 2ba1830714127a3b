//! The scenario catalogue of Squall: topologies, presets, one file per hypothesis.
