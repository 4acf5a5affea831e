//! `pocketune`, the command line: chat with a model, measure it, look into it.

#![forbid(unsafe_code)]

mod adapter;
mod args;
mod bench;
mod candidate;
mod chat;
mod dataset;
mod embed;
mod ending;
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
mod out_files;
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
mod usage;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::error::CliError;
use crate::output::{Output, line};

fn main() -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::explain(&error, &arguments),
    };
    start_logging(cli.common.verbose, cli.common.quiet);
    let output = Output::new(&cli.common);
    let outcome = without_panic(|| {
        ending::catch_signals(output.json)?;
        run(&cli.command, &output)
    });
    match outcome {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    }
}

/// A panic is a failure as any other for whoever started us.
fn without_panic(run: impl FnOnce() -> Result<ExitCode, CliError>) -> Result<ExitCode, CliError> {
    // Nothing that `run` changed is used after it.
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    outcome.unwrap_or(Err(CliError::Internal))
}

/// Where it happened. The message may quote a text of the user's: only the log has it.
fn report_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(short).unwrap_or_default();
    let _ = writeln!(io::stderr(), "internal error{place}");
    log::debug!("{panic}");
}

/// File and line, without the folders of whoever compiled it.
fn short(location: &Location<'_>) -> String {
    const PARTS: usize = 3;
    let mut parts: Vec<&str> = location.file().rsplit('/').take(PARTS).collect();
    parts.reverse();
    format!(" at {}:{}", parts.join("/"), location.line())
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
    // What is logged quotes files: llama.cpp prints all of a model's metadata.
    let format = |to: &mut env_logger::fmt::Formatter, record: &log::Record<'_>| {
        let said = line(&record.args().to_string());
        writeln!(to, "[{:5} {}] {said}", record.level(), record.target())
    };
    env_logger::Builder::new()
        .format(format)
        .filter_level(ours)
        .filter_module("llama.cpp", llama)
        .init();
}

#[cfg(test)]
mod tests {
    use super::without_panic;
    use crate::output::error_object;

    #[test]
    fn a_panic_is_an_error_of_its_own_and_quotes_nothing() {
        let error = without_panic(|| panic!("a secret")).unwrap_err();
        let object = error_object(&error).to_string();
        assert_eq!((error.kind(), error.exit_code()), ("internal", 101));
        assert!(!object.contains("secret"), "{object}");
    }
}
