//! Lines of a person, read on a thread of their own so that Ctrl-C is heard meanwhile.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;

/// What a person did at the prompt.
#[derive(Debug)]
pub(crate) enum Event {
    Line(String),
    /// Ctrl-D, or the terminal is gone.
    End,
    /// Ctrl-C while nothing was running.
    Interrupted,
}

/// Starts reading lines. The thread ends with the input or the process.
pub(crate) fn read_lines(events: Sender<Event>) {
    thread::spawn(move || {
        let mut line = String::new();
        loop {
            line.clear();
            let event = match io::stdin().read_line(&mut line) {
                Ok(1..) => Event::Line(line.trim().to_owned()),
                // Not UTF-8: the person may try again.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                Ok(0) | Err(_) => Event::End,
            };
            let ended = matches!(event, Event::End);
            if events.send(event).is_err() || ended {
                return;
            }
        }
    });
}

/// What a line asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request<'a> {
    Nothing,
    Say(&'a str),
    Help,
    History,
    Regenerate,
    Reset,
    Stats,
    Quit,
    Unknown(&'a str),
}

impl<'a> Request<'a> {
    /// Reads a line. Text that starts with a slash is said by doubling it.
    pub(crate) fn parse(line: &'a str) -> Self {
        let Some(command) = line.strip_prefix('/') else {
            return if line.is_empty() {
                Self::Nothing
            } else {
                Self::Say(line)
            };
        };
        match command {
            "help" | "?" => Self::Help,
            "history" => Self::History,
            "regenerate" => Self::Regenerate,
            "reset" => Self::Reset,
            "stats" => Self::Stats,
            "quit" | "exit" => Self::Quit,
            text if text.starts_with('/') => Self::Say(text),
            other => Self::Unknown(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Request;

    #[test]
    fn a_slash_starts_a_command_and_two_start_text() {
        assert_eq!(Request::parse("/reset"), Request::Reset);
        assert_eq!(
            Request::parse("//etc is a directory"),
            Request::Say("/etc is a directory")
        );
        assert_eq!(Request::parse("/rset"), Request::Unknown("rset"));
        assert_eq!(Request::parse(""), Request::Nothing);
    }
}
