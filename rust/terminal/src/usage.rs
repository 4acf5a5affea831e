//! Command lines that run nothing: help, the version, what makes no sense.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::{Value, json};

use crate::error::{EXIT_USAGE, Failure as _, RunError};
use crate::output::{failure, line, print_json, printable};

/// Says what clap has to say: an object on standard output where `--json` asks for one.
pub(crate) fn explain<C: Parser>(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    let fit_to_print = escaped::<C>(error, arguments);
    let error = fit_to_print.as_ref().unwrap_or(error);
    let answers = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    let code = match answers {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_USAGE),
    };
    let said = match wants_json(arguments) {
        false => error.print().map_err(RunError::Output),
        true => {
            if !answers {
                // A closed standard error leaves nobody to tell.
                let _ = write!(io::stderr(), "{}", error.render());
            }
            print_json(&object(error).to_string())
        }
    };
    match said {
        Err(error) if answers && !error.is_broken_pipe() => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
        _ => code,
    }
}

/// The same error over escaped arguments, where they steer a terminal: clap quotes them, and
/// a shell's `*` stands for names of whoever made the files.
fn escaped<C: Parser>(error: &clap::Error, arguments: &[OsString]) -> Option<clap::Error> {
    let escape = |argument: &OsString| line(&argument.to_string_lossy());
    let escaped: Vec<String> = arguments.iter().map(escape).collect();
    let same = { arguments.iter() }.eq(escaped.iter().map(OsStr::new));
    if same {
        return None;
    }
    let again = C::try_parse_from(escaped).err();
    Some(again.unwrap_or_else(|| {
        let text = error.render().to_string();
        clap::Error::raw(error.kind(), printable(message(&text)) + "\n")
    }))
}

fn object(error: &clap::Error) -> Value {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp => json!({ "help": text }),
        ErrorKind::DisplayVersion => json!({ "version": env!("CARGO_PKG_VERSION") }),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            failure("usage", "a command is missing")
        }
        _ => failure("usage", message(&text)),
    }
}

/// The error without what follows for people.
fn message(text: &str) -> &str {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let end = ["\n\nUsage:", "\n\nFor more information"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    text.get(..end.unwrap_or(text.len())).unwrap_or(text).trim()
}

/// Whether `--json` stands there. What it belongs to is not known where clap gave up.
fn wants_json(arguments: &[OsString]) -> bool {
    let options = arguments.iter().take_while(|it| *it != OsStr::new("--"));
    { options }.any(|it| it == "--json" || it.as_encoded_bytes().starts_with(b"--json="))
}

#[cfg(test)]
mod tests {
    use super::message;

    #[test]
    fn a_message_ends_where_help_begins() {
        let text = "error: unexpected argument '--x' found\n\n  tip: no\n\nUsage: pocketune chat\n\nFor more information, try '--help'.\n";
        assert_eq!(
            message(text),
            "unexpected argument '--x' found\n\n  tip: no"
        );
    }
}
