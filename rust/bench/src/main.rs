//! `pocketune-bench`: how fast the engine and the trainer are, beside llama.cpp alone. The
//! command line runs it from beside itself as `pocketune bench` and `pocketune tune-bench`.

#![forbid(unsafe_code)]

mod error;
mod neighbours;
mod speed;
mod tuning;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pocketune_terminal::args::Common;
use pocketune_terminal::output::Output;

use crate::error::BenchError;
use crate::speed::BenchArgs;
use crate::tuning::TuneBenchArgs;

/// Benchmarks inference and training against plain llama.cpp and ggml.
#[derive(Debug, Parser)]
#[command(name = "pocketune-bench", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Bench(BenchArgs),
    TuneBench(TuneBenchArgs),
    /// Keep one core busy until standard input ends
    #[command(hide = true)]
    Busy,
}

fn main() -> ExitCode {
    pocketune_terminal::program(|cli: &Cli| &cli.common, run)
}

fn run(cli: &Cli, output: &Output) -> Result<ExitCode, BenchError> {
    match &cli.command {
        Command::Bench(args) => speed::run(args, output),
        Command::TuneBench(args) => tuning::run(args, output),
        Command::Busy => Ok(neighbours::be_busy()),
    }
}
