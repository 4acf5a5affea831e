//! A store as its users see it.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod clock;
mod crash;
mod damage;
mod device;
mod experiments;
mod faults;
mod lifecycle;
mod log;
mod policy;
mod private;
mod review;
mod rollout;
mod sets;
mod two_processes;
mod versions;
mod world;
