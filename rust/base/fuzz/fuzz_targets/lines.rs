//! Any bytes as lines of JSON: both readers say the same, what is read survives its own JSON,
//! and what is wrong is said in one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pocketune_base::json::{DEPTH_MAX, parse};
use pocketune_base::{LineError, LineReader, ReadLinesError, lines};
use serde_json::Value;

type Read = Result<Vec<(usize, Value)>, LineError>;

fn streamed(bytes: &[u8]) -> Read {
    let mut reader = LineReader::new(bytes);
    let mut all = Vec::new();
    loop {
        match reader.next_line() {
            Ok(Some(line)) => all.push((line.number, line.value()?)),
            Ok(None) => return Ok(all),
            Err(ReadLinesError::Line(error)) => return Err(error),
            Err(ReadLinesError::Io(error)) => unreachable!("{error}"),
        }
    }
}

fuzz_target!(|bytes: &[u8]| {
    let each = lines(bytes).map(|line| line.and_then(|line| Ok((line.number, line.value()?))));
    let whole: Read = each.collect();
    assert_eq!(streamed(bytes), whole);
    match whole {
        Ok(values) => {
            for (_, value) in values {
                let again = parse(value.to_string().as_bytes(), DEPTH_MAX);
                assert_eq!(again, Ok(value));
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
});
