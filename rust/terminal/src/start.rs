//! How a program starts, and that a panic is a failure as any other.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, Location, PanicHookInfo};
use std::process::ExitCode;

use clap::Parser;

use crate::args::Common;
use crate::ending;
use crate::error::{Failure, RunError};
use crate::output::{Output, line};
use crate::usage;

/// Parses the command line, runs the command and reports how it ended.
pub fn program<C: Parser, E: Failure>(
    common: fn(&C) -> &Common,
    run: fn(&C, &Output) -> Result<ExitCode, E>,
) -> ExitCode {
    panic::set_hook(Box::new(report_panic));
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match C::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage::explain::<C>(&error, &arguments),
    };
    let common = common(&cli);
    start_logging(common.verbose, common.quiet);
    let output = Output::new(common);
    let outcome = without_panic(|| {
        ending::catch_signals(output.json)?;
        run(&cli, &output)
    });
    match outcome {
        Ok(code) => code,
        Err(error) => output.fail(&error),
    }
}

/// A panic is a failure as any other for whoever started us.
fn without_panic<E: Failure>(run: impl FnOnce() -> Result<ExitCode, E>) -> Result<ExitCode, E> {
    // Nothing that `run` changed is used after it.
    let outcome = panic::catch_unwind(AssertUnwindSafe(run));
    outcome.unwrap_or_else(|_| Err(RunError::Internal.into()))
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
    use crate::error::{Failure as _, RunError};
    use crate::output::error_object;

    #[test]
    fn a_panic_is_an_error_of_its_own_and_quotes_nothing() {
        let error: RunError = without_panic(|| panic!("a secret")).unwrap_err();
        let object = error_object(&error).to_string();
        assert_eq!((error.kind(), error.exit_code()), ("internal", 101));
        assert!(!object.contains("secret"), "{object}");
    }
}
