//! The command line from outside: exit codes, output, behaviour on a real model.
#![forbid(unsafe_code)]
#![allow(
    clippy::panic,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests"
)]

mod adapter;
mod arguments;
mod candidate;
mod formats;
mod judge;
mod keys;
mod model;
mod peft;
mod people;
mod reading;
mod released;
mod report;
mod reproduced;
mod reward;
mod run;
mod signals;
mod terminal;
mod tune;
mod tune_feedback;
mod writing;
