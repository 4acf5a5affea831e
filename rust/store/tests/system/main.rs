//! A store as its users see it.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod clock;
mod crash;
mod device;
mod experiments;
mod faults;
mod lifecycle;
mod policy;
mod private;
mod review;
mod two_processes;
mod world;
