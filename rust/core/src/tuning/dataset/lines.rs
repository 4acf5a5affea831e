//! A dataset, line by line.

use std::io::BufRead;

use pocketune_base::{Line, LineError, LineReader, ReadLinesError};

use super::record::Record;
use crate::error::{DatasetError, RecordFault, RecordKind};

/// Data may be this long: some hundred times what a run of ours learns from.
pub const DATASET_BYTES_MAX: u64 = 1 << 30;

/// Reads all records of a dataset, at least one. `take` gets each with what it holds; a fault
/// it returns is reported with the record's line. Blocks for the reader.
///
/// # Errors
/// [`DatasetError`]; what was taken before is dropped.
pub fn read_records<T>(
    from: impl BufRead,
    kind: RecordKind,
    mut take: impl FnMut(Record) -> Result<T, RecordFault>,
) -> Result<Vec<T>, DatasetError> {
    read_lines(from, |line| take(Record::read(line, kind)?))
}

/// Reads lines of JSON, at least one, for those whose lines hold more than a [`Record`].
/// Blocks for the reader.
///
/// # Errors
/// [`DatasetError`].
pub fn read_lines<T>(
    from: impl BufRead,
    mut take: impl FnMut(&Line<'_>) -> Result<T, RecordFault>,
) -> Result<Vec<T>, DatasetError> {
    let mut all = Vec::new();
    visit_lines(from, |number, line| {
        let taken = line.and_then(|line| take(&line));
        all.push(taken.map_err(|fault| DatasetError::line(number, fault))?);
        Ok(())
    })?;
    match all.is_empty() {
        true => Err(DatasetError::Empty),
        false => Ok(all),
    }
}

/// Shows each line that is not blank, with its number, also where it cannot be read. Goes on
/// until `visit` fails. Blocks for the reader.
///
/// # Errors
/// What `visit` returns; [`DatasetError::Io`], [`DatasetError::TooLong`].
pub(in crate::tuning) fn visit_lines(
    from: impl BufRead,
    mut visit: impl FnMut(usize, Result<Line<'_>, RecordFault>) -> Result<(), DatasetError>,
) -> Result<(), DatasetError> {
    // One more than may be: a limit that is used up says that there was too much.
    let mut bounded = from.take(DATASET_BYTES_MAX + 1);
    let mut lines = LineReader::new(&mut bounded);
    loop {
        match lines.next_line() {
            Ok(Some(line)) => visit(line.number, Ok(line))?,
            Ok(None) => break,
            Err(ReadLinesError::Io(error)) => return Err(DatasetError::Io(error)),
            Err(ReadLinesError::Line(LineError { line, fault })) => {
                visit(line, Err(RecordFault::Line(fault)))?;
            }
        }
    }
    drop(lines);
    match bounded.limit() {
        0 => Err(DatasetError::TooLong {
            limit_bytes: DATASET_BYTES_MAX,
        }),
        _ => Ok(()),
    }
}
