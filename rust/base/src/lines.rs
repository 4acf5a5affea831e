//! Files of lines, one JSON object each: bounded, and each fault with its line.

use std::io::{self, BufRead, Read};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json::{self, JsonError, Nulls};
use crate::text::{TextError, TextFault, text};

/// A line may be this long. Ours have some kilobytes, long conversations some hundred.
pub const LINE_BYTES_MAX: usize = 1 << 20;

/// So many blank lines may stand one after the other. People leave a few; a file of nothing
/// else is damaged, or has no end.
pub const BLANK_LINES_MAX: usize = 10_000;

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// It is no text.
    #[error(transparent)]
    Text(TextFault),
    /// It does not end in time.
    #[error("it is longer than {limit_bytes} bytes")]
    TooLong {
        /// [`LINE_BYTES_MAX`].
        limit_bytes: usize,
    },
    /// Nothing but blank lines for too long.
    #[error("more than {limit} blank lines stand one after the other")]
    TooManyBlank {
        /// [`BLANK_LINES_MAX`].
        limit: usize,
    },
    /// The file is one list of objects.
    #[error("this is a JSON array; one object a line is expected (`jq -c '.[]'` makes that of it)")]
    Array,
    /// An object that is spread over several lines, or a file that was cut.
    #[error(
        "it is not complete: each object must stand on one line (`jq -c .` puts it there), or \
         the file was cut"
    )]
    Incomplete,
    /// More than one object, or a comma between them.
    #[error(
        "something follows the object at column {column}: each must stand on a line of its own"
    )]
    Several {
        /// From 1.
        column: usize,
    },
    /// Not JSON.
    #[error("it is no JSON at column {column}: {reason}")]
    Malformed {
        /// From 1.
        column: usize,
        /// What the parser says; it quotes nothing.
        reason: String,
    },
    /// JSON of another shape.
    #[error(transparent)]
    Json(JsonError),
}

/// A fault and its line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct LineError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub fault: LineFault,
}

/// Why lines could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLinesError {
    /// What the system says.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What a line says.
    #[error(transparent)]
    Line(#[from] LineError),
}

impl From<JsonError> for LineFault {
    fn from(error: JsonError) -> Self {
        match error {
            JsonError::Text(TextError { fault, .. }) => Self::Text(fault),
            JsonError::Incomplete { .. } => Self::Incomplete,
            JsonError::Several { column, .. } => Self::Several { column },
            JsonError::Malformed { column, reason, .. } => Self::Malformed { column, reason },
            other => Self::Json(other),
        }
    }
}

/// A line with something on it.
#[derive(Debug, Clone, Copy)]
pub struct Line<'t> {
    /// From 1.
    pub number: usize,
    /// Without byte order marks and the white space around it.
    pub text: &'t str,
    is_first: bool,
}

impl Line<'_> {
    /// The value of the line.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn value(&self) -> Result<Value, LineError> {
        if self.is_first && self.text.starts_with('[') {
            return Err(self.error(LineFault::Array));
        }
        let value = json::parse(self.text.as_bytes(), json::DEPTH_MAX);
        value.map_err(|error| self.error(error.into()))
    }

    /// Why the file it stands in has no object a line, if that shows here.
    #[must_use]
    pub fn layout_fault(&self) -> Option<LineFault> {
        let fault = self.value().err()?.fault;
        let of_layout = match &fault {
            LineFault::Array | LineFault::Incomplete | LineFault::Several { .. } => true,
            LineFault::Text(_)
            | LineFault::TooLong { .. }
            | LineFault::TooManyBlank { .. }
            | LineFault::Malformed { .. }
            | LineFault::Json(_) => false,
        };
        of_layout.then_some(fault)
    }

    /// The value of the line, as a known shape.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn read<T: DeserializeOwned>(&self, nulls: Nulls) -> Result<T, LineError> {
        self.shaped(&self.value()?, nulls)
    }

    /// A value of this line as a known shape.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn shaped<T: DeserializeOwned>(&self, value: &Value, nulls: Nulls) -> Result<T, LineError> {
        json::shaped(value, nulls).map_err(|error| self.error(error.into()))
    }

    /// A fault of this line.
    #[must_use]
    pub fn error(&self, fault: LineFault) -> LineError {
        let line = self.number;
        LineError { line, fault }
    }
}

/// The lines of `bytes` that are not blank, with their numbers. Byte order marks at the
/// start of any line are passed over: joined files have them.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = Result<Line<'_>, LineError>> {
    let mut seen = Seen::default();
    let whole = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let each = whole.split(|byte| *byte == b'\n');
    each.filter_map(move |raw| seen.take(raw).transpose())
}

/// Reads lines from what may have no end.
#[derive(Debug)]
pub struct LineReader<R> {
    from: R,
    seen: Seen,
    raw: Vec<u8>,
    // The rest of a line that is too long is still to come.
    is_cut: bool,
}

impl<R: BufRead> LineReader<R> {
    /// From the start of a file.
    #[must_use]
    pub fn new(from: R) -> Self {
        Self {
            from,
            seen: Seen::default(),
            raw: Vec::new(),
            is_cut: false,
        }
    }

    /// The next line that is not blank; `None` at the end. Blocks for the disk. After a
    /// [`ReadLinesError::Line`] the line behind it can be read.
    ///
    /// # Errors
    /// [`ReadLinesError`].
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ReadLinesError> {
        if self.is_cut {
            self.from.skip_until(b'\n')?;
            self.is_cut = false;
        }
        loop {
            self.raw.clear();
            // One over the limit, and the line's end.
            let mut bounded = self.from.by_ref().take(LINE_BYTES_MAX as u64 + 2);
            if bounded.read_until(b'\n', &mut self.raw)? == 0 {
                return Ok(None);
            }
            match self.raw.last() {
                Some(b'\n') => drop(self.raw.pop()),
                _ => self.is_cut = bounded.limit() == 0,
            }
            if !self.seen.is_blank(&self.raw)? {
                break;
            }
        }
        Ok(Some(self.seen.filled(&self.raw)?))
    }
}

/// What went before.
#[derive(Debug, Default)]
struct Seen {
    lines: usize,
    /// In a row.
    blank: usize,
    filled: usize,
}

impl Seen {
    fn take<'t>(&mut self, raw: &'t [u8]) -> Result<Option<Line<'t>>, LineError> {
        match self.is_blank(raw)? {
            true => Ok(None),
            false => self.filled(raw).map(Some),
        }
    }

    /// Counts a line, and says whether there is nothing on it.
    fn is_blank(&mut self, raw: &[u8]) -> Result<bool, LineError> {
        self.lines += 1;
        if raw.len() > LINE_BYTES_MAX {
            let limit_bytes = LINE_BYTES_MAX;
            return Err(self.error(LineFault::TooLong { limit_bytes }));
        }
        let text = std::str::from_utf8(raw).unwrap_or("x");
        if !content(text).is_empty() {
            self.blank = 0;
            return Ok(false);
        }
        self.blank += 1;
        if self.blank > BLANK_LINES_MAX {
            let limit = BLANK_LINES_MAX;
            return Err(self.error(LineFault::TooManyBlank { limit }));
        }
        Ok(true)
    }

    fn filled<'t>(&mut self, raw: &'t [u8]) -> Result<Line<'t>, LineError> {
        let text = text(raw).map_err(|error| self.error(LineFault::Text(error.fault)))?;
        self.filled += 1;
        Ok(Line {
            number: self.lines,
            text: content(text),
            is_first: self.filled == 1,
        })
    }

    fn error(&self, fault: LineFault) -> LineError {
        let line = self.lines;
        LineError { line, fault }
    }
}

/// A line without what says nothing.
fn content(text: &str) -> &str {
    crate::text::without_byte_order_mark(text).trim()
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::{
        BLANK_LINES_MAX, LINE_BYTES_MAX, LineError, LineFault, LineReader, ReadLinesError, lines,
    };
    use crate::json::Nulls;

    /// Each line as numbers, by both readers.
    fn read(bytes: &[u8]) -> Result<Vec<(usize, u64)>, LineError> {
        let numbers = |line: super::Line<'_>| Ok((line.number, line.read(Nulls::Refused)?));
        let whole = lines(bytes).map(|line| numbers(line?)).collect();
        let mut reader = LineReader::new(BufReader::with_capacity(7, bytes));
        let mut all = Vec::new();
        let streamed = loop {
            match reader.next_line() {
                Ok(Some(line)) => match numbers(line) {
                    Ok(number) => all.push(number),
                    Err(error) => break Err(error),
                },
                Ok(None) => break Ok(all),
                Err(ReadLinesError::Line(error)) => break Err(error),
                Err(ReadLinesError::Io(error)) => panic!("{error}"),
            }
        };
        assert_eq!(streamed, whole);
        whole
    }

    fn fault(bytes: &[u8]) -> (usize, LineFault) {
        let LineError { line, fault } = read(bytes).unwrap_err();
        (line, fault)
    }

    #[test]
    fn lines_keep_their_numbers_whatever_stands_around_them() {
        for bytes in [
            "1\n\n2\n",
            "1\r\n\r\n2",
            "\u{feff}1\n \t\n2\n\n\n",
            // Two files joined, each with its mark.
            "\u{feff}1\n\u{feff}\n\u{feff}\u{feff} 2\n",
        ] {
            assert_eq!(
                read(bytes.as_bytes()),
                Ok(vec![(1, 1), (3, 2)]),
                "{bytes:?}"
            );
        }
        assert_eq!(read(b""), Ok(Vec::new()));
    }

    #[test]
    fn what_has_no_end_ends() {
        let blank = "\n".repeat(BLANK_LINES_MAX);
        assert_eq!(read(blank.as_bytes()), Ok(Vec::new()));
        let limit = BLANK_LINES_MAX;
        let too_many = LineFault::TooManyBlank { limit };
        let start = format!("1\n{blank}");
        assert_eq!(read(start.as_bytes()).unwrap(), [(1, 1)]);
        assert_eq!(
            fault(format!("{start}\u{feff}\n").as_bytes()),
            (limit + 2, too_many)
        );
        let limit_bytes = LINE_BYTES_MAX;
        let long = " ".repeat(limit_bytes);
        assert_eq!(read(format!("{long}\n1").as_bytes()).unwrap(), [(2, 1)]);
        for end in ["", "\n1"] {
            let too_long = LineFault::TooLong { limit_bytes };
            assert_eq!(fault(format!("1\n {long}{end}").as_bytes()), (2, too_long));
        }
    }

    /// What a reader of all lines that can be read sees.
    #[test]
    fn the_lines_behind_a_fault_can_be_read() {
        let long = "x".repeat(3 * LINE_BYTES_MAX);
        // As long as may be, and the line's end.
        let full = " ".repeat(LINE_BYTES_MAX - 1);
        let text = format!("1\n{long}\n3\n\u{0}\n5\n{full}6\nno\n8\n{long}");
        let mut reader = LineReader::new(BufReader::with_capacity(1000, text.as_bytes()));
        let (mut read, mut faults) = (Vec::new(), Vec::new());
        loop {
            let line = match reader.next_line() {
                Ok(Some(line)) => line.read::<u64>(Nulls::Refused).map(|it| (line.number, it)),
                Ok(None) => break,
                Err(ReadLinesError::Line(error)) => Err(error),
                Err(ReadLinesError::Io(error)) => panic!("{error}"),
            };
            match line {
                Ok(line) => read.push(line),
                Err(error) => faults.push(error.line),
            }
        }
        assert_eq!(read, [(1, 1), (3, 3), (5, 5), (6, 6), (8, 8)]);
        assert_eq!(faults, [2, 4, 7, 9]);
    }

    #[test]
    fn other_layouts_are_told_by_name() {
        assert_eq!(fault(b"\n[\n1,\n2]"), (2, LineFault::Array));
        assert_eq!(fault(b"[1,2]"), (1, LineFault::Array));
        assert_eq!(fault(b"1\n{\n\"a\": 1\n}"), (2, LineFault::Incomplete));
        assert_eq!(fault(b"1\n\"abc"), (2, LineFault::Incomplete));
        assert_eq!(fault(b"1\n2 3"), (2, LineFault::Several { column: 3 }));
        assert_eq!(fault(b"1,\n2"), (1, LineFault::Several { column: 2 }));
        let (line, json) = fault(b"1\n{'a': 1}");
        assert!(line == 2 && matches!(json, LineFault::Malformed { column: 2, .. }));
        let (line, json) = fault(b"1\n[2]");
        assert_eq!(
            (line, json.to_string()),
            (
                2,
                "it must be a whole number, 0 or more, found a list".to_owned()
            )
        );
    }
}
