//! The reward model: what it learns from pairs, how sure it is, and what it refuses.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "reward/bad_files.rs"]
mod bad_files;
#[path = "reward/bad_input.rs"]
mod bad_input;
#[path = "reward/calibration.rs"]
mod calibration;
#[path = "reward/crowd.rs"]
mod crowd;
#[path = "reward/report.rs"]
mod report;
#[path = "reward/synthetic.rs"]
mod synthetic;
#[path = "reward/training.rs"]
mod training;
