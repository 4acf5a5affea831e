//! `pocketune`, the command line: chat with a model, measure it, look into it.

#![forbid(unsafe_code)]

mod adapter;
mod args;
mod bench;
mod chat;
mod dataset;
mod embed;
mod error;
mod evaluate;
mod experiment;
mod fit;
mod inspect;
mod key;
mod out_files;
mod policy;
mod reward;
mod score;
mod tensors;
mod time;
mod tokenize;
mod tune;

use std::process::ExitCode;

// What every program for a terminal does, under the names that commands know it by.
use pocketune_terminal::{candidate, ending, estimate, files, load, output, synthetic};

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::output::Output;

fn main() -> ExitCode {
    pocketune_terminal::program(|cli: &Cli| &cli.common, run)
}

fn run(cli: &Cli, output: &Output) -> Result<ExitCode, CliError> {
    match &cli.command {
        Command::Chat(args) => chat::run(args, output),
        Command::Bench(_) | Command::TuneBench(_) => match bench::run()? {},
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
    }
}
