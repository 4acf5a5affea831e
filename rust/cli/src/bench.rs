//! `bench` and `tune-bench`: a program of its own, so that this one links nothing that it
//! compares with. It is run from beside this program.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::{convert::Infallible, env};

use clap::Args;

use crate::error::CliError;

const PROGRAM: &str = "pocketune-bench";

/// Whatever the other program takes. Its arguments are passed on as they were typed: these are
/// there so that they are accepted here.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct BenchArgs {
    /// Options of the benchmark; --help lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Becomes the other program, with this one's arguments, standard streams and process, so that
/// its exit status and the signals it gets are its own. Returns only where that fails.
pub(crate) fn run() -> Result<Infallible, CliError> {
    let missing = |source: io::Error| CliError::NoBench { source };
    let program = env::current_exe().map_err(missing)?;
    let mut command = Command::new(program.with_file_name(PROGRAM));
    let mut arguments = env::args_os();
    if let Some(name) = arguments.next() {
        // Its help names the command that was typed.
        command.arg0(name).args(arguments);
    }
    Err(missing(command.exec()))
}
