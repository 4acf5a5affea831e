//! `pocketune`, the command line: chat with a model, measure it, look into it.

#![forbid(unsafe_code)]

mod adapter;
mod args;
mod bench;
mod candidate;
mod chat;
mod embed;
mod error;
mod estimate;
mod evaluate;
mod experiment;
mod files;
mod fit;
mod inspect;
mod key;
mod load;
mod neighbours;
mod output;
mod policy;
mod reward;
mod score;
mod steps;
mod synthetic;
mod tensors;
mod time;
mod tokenize;
mod tune;
mod tune_bench;
mod workshop;

use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::output::Output;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_logging(cli.common.verbose, cli.common.quiet);
    let output = Output::new(&cli.common);
    match run(&cli.command, &output) {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    }
}

fn run(command: &Command, output: &Output) -> Result<ExitCode, CliError> {
    match command {
        Command::Chat(args) => chat::run(args, output),
        Command::Bench(args) => bench::run(args, output),
        Command::Fit(args) => fit::run(args, output),
        Command::Inspect(args) => inspect::run(args, output),
        Command::Score(args) => score::run(args, output),
        Command::Embed(args) => embed::run(args, output),
        Command::Tokenize(args) => tokenize::run(args, output),
        Command::Adapter(args) => adapter::run(args, output),
        Command::Evaluate(args) => evaluate::run(args, output),
        Command::Experiment(args) => experiment::run(args, output),
        Command::Reward(args) => reward::run(args, output),
        Command::Policy(args) => policy::run(args, output),
        Command::Key(args) => key::run(args, output),
        Command::Tune(args) => tune::run(args, output),
        Command::TuneBench(args) => tune_bench::run(args, output),
        Command::Busy => Ok(neighbours::be_busy()),
    }
}

/// Our own warnings are shown; llama.cpp's lines only when asked for, since its
/// errors come back as the cause of ours.
fn start_logging(verbose: bool, quiet: bool) {
    use log::LevelFilter;
    let (ours, llama) = match (verbose, quiet) {
        (true, _) => (LevelFilter::Debug, LevelFilter::Debug),
        (false, true) => (LevelFilter::Off, LevelFilter::Off),
        (false, false) => (LevelFilter::Warn, LevelFilter::Off),
    };
    env_logger::Builder::new()
        .filter_level(ours)
        .filter_module("llama.cpp", llama)
        .init();
}
