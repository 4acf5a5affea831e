//! Where results, summaries and errors go, for a person and for a program.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use pocketune_base::{Escaped, escaped_json, steers};
use serde::Serialize;
use serde_json::{Value, json};

use crate::args::Common;
use crate::error::{Failure, RunError};
pub use crate::figures::{grouped, human_bytes};
use crate::state;

/// How this run reports. Results go to standard output, all else to standard error.
#[derive(Debug, Clone, Copy)]
pub struct Output {
    /// Whether standard output holds one object.
    pub json: bool,
    quiet: bool,
}

impl Output {
    /// As it was asked for.
    pub fn new(common: &Common) -> Self {
        Self {
            json: common.json,
            quiet: common.quiet,
        }
    }

    /// Prints the one JSON object of this run, after everything else that can fail.
    pub fn json(&self, value: &impl Serialize) -> Result<(), RunError> {
        let text = if io::stdout().is_terminal() {
            serde_json::to_string_pretty(value)
        } else {
            serde_json::to_string(value)
        };
        let text = text.map_err(|error| RunError::Output(error.into()))?;
        if !state::begin_object() {
            return Ok(());
        }
        heard(print_json(&text))
    }

    /// Prints a result for a person, whatever of it comes from a file. Names and whatever
    /// else has to stay on its line go through [`line`] before. Whoever read it may have
    /// gone, as `head` does: that changes nothing but what is printed.
    pub fn text(&self, text: &str) -> Result<(), RunError> {
        heard(print(&printable(text)))
    }

    /// Prints names and values in two columns. No line of a value looks like a row.
    pub fn rows(&self, rows: &[(&str, String)]) -> Result<(), RunError> {
        let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        let below = format!("\n{:width$}  ", "");
        let lines: String = rows
            .iter()
            .map(|(name, value)| format!("{name:width$}  {}\n", value.replace('\n', &below)))
            .collect();
        self.text(&lines)
    }

    /// Prints a remark of one line on standard error if somebody wants remarks.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(io::stderr(), "{}", line(text));
        }
    }

    /// Whether a person reads standard error and wants more than errors.
    pub fn person_looks(&self) -> bool {
        !self.json && !self.quiet && io::stderr().is_terminal()
    }

    /// Prints a dimmed remark on standard error when a person looks.
    pub fn aside(&self, text: &str) {
        if self.person_looks() {
            let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
            let (dim, normal) = if plain {
                ("", "")
            } else {
                ("\x1b[2m", "\x1b[0m")
            };
            let _ = writeln!(io::stderr(), "{dim}{}{normal}", line(text));
        }
    }

    /// A progress bar that shows only when a person looks.
    pub fn progress(&self, what: &'static str, steps: u64) -> ProgressBar {
        if !self.person_looks() {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template("{msg} {bar:30} {percent:>3} %");
        let bar = ProgressBar::new(steps).with_message(what);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// A progress bar with a live line, when a person looks.
    pub fn training_bar(&self, steps: u64) -> ProgressBar {
        let bar = self.progress("training", steps);
        match ProgressStyle::with_template("step {pos} of {len} {bar:20} {msg}") {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    /// A sign of life for work of unknown length.
    pub fn spinner(&self, what: &'static str) -> ProgressBar {
        if !self.person_looks() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::new_spinner().with_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        bar
    }

    /// Reports why the command failed.
    pub fn fail(&self, error: &impl Failure) -> ExitCode {
        if error.is_broken_pipe() {
            return ExitCode::SUCCESS;
        }
        let _ = writeln!(io::stderr(), "error: {}", line(&error.to_string()));
        if self.json {
            // The exit code still tells.
            let _ = self.json(&error_object(error));
        }
        ExitCode::from(error.exit_code())
    }
}

/// Prints one JSON object. It may end on a terminal too.
pub fn print_json(json: &str) -> Result<(), RunError> {
    print(&format!("{}\n", escaped_json(json)))
}

/// A reader that has gone changes nothing.
fn heard(printed: Result<(), RunError>) -> Result<(), RunError> {
    match printed {
        Err(error) if error.is_broken_pipe() => Ok(()),
        printed => printed,
    }
}

/// Writes to standard output, byte by byte.
pub fn print(text: &str) -> Result<(), RunError> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(RunError::Output)
}

/// What `--json` prints of a failure.
pub fn error_object(error: &impl Failure) -> Value {
    failure(error.kind(), &error.to_string())
}

/// The object of a failure.
pub fn failure(kind: &str, message: &str) -> Value {
    json!({ "error": { "kind": kind, "message": message } })
}

/// Text of a model, a file or somebody else, on as many lines as it has, with what steers a
/// terminal escaped.
pub fn printable(text: &str) -> String {
    Escaped::prose(text).to_string()
}

/// The same on one line: names, facts, messages.
pub fn line(text: &str) -> String {
    Escaped::line(text).to_string()
}

/// Text for a page, where a browser shows nothing for what steers.
pub fn replaced(text: &str) -> String {
    let passes = |c: char| !steers(c) || matches!(c, '\n' | '\t');
    let each = text.chars();
    each.map(|c| {
        if passes(c) {
            c
        } else {
            char::REPLACEMENT_CHARACTER
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::{line, printable, replaced};

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let text = "a\x1b[2Jb\tc\n\u{202e}";
        assert_eq!(printable(text), "a\\u{1b}[2Jb\tc\n\\u{202e}");
        assert_eq!(line(text), "a\\u{1b}[2Jb\\tc\\n\\u{202e}");
        assert_eq!(replaced(text), "a\u{fffd}[2Jb\tc\n\u{fffd}");
    }
}
