//! The system as its users see it. One binary; a module for each promise.
//! Tests marked `ignore` are the long ones that `scripts/test-long.sh` runs.
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests"
)]

mod adapters;
mod bad_input;
mod chat;
mod constraint;
mod evaluation;
mod experiment;
mod feedback;
mod grammar;
mod greedy;
mod kills;
mod logits;
mod many_replies;
mod markers;
mod measures;
mod memory;
mod mutation;
mod origins;
mod peft_import;
mod proof;
mod readme;
mod reference;
mod requests;
mod review;
mod reward;
mod same_model;
mod saved;
mod scoring;
mod sharing;
mod soak;
mod store;
mod template;
mod training_lines;
mod training_text;
mod tuning;
mod vocabulary;
mod world;
