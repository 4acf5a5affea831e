//! Bundles: the attestations beside a file, one envelope a line, beside whatever lines others
//! have put there.

use pocketune_base::{Line, LineError, LineFault, lines};

use crate::attest::dsse::{ENVELOPE_BYTES_MAX, Envelope, EnvelopeError};

/// A bundle may be this long.
pub const BUNDLE_BYTES_MAX: usize = 4 * ENVELOPE_BYTES_MAX;

/// A bundle may have this many lines that are not blank: more than it has room for, unless
/// they are shorter than an envelope with one signature is.
pub const BUNDLE_LINES_MAX: usize = 8_192;

/// More than anybody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the attestations have more than {BUNDLE_BYTES_MAX} bytes or {BUNDLE_LINES_MAX} lines")]
pub struct BundleTooLarge;

/// The lines of a bundle, read by everybody in this one way. Nothing in it is to be believed.
#[derive(Debug, Clone, Default)]
pub struct Bundle {
    envelopes: Vec<(usize, Envelope)>,
    fault: Option<(usize, EnvelopeError)>,
}

impl Bundle {
    /// Reads all lines that are envelopes. Anybody may add a line: one that is none, too long
    /// or no text is passed over. Does not block.
    ///
    /// # Errors
    /// [`BundleTooLarge`].
    pub fn read(bytes: &[u8]) -> Result<Self, BundleTooLarge> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleTooLarge);
        }
        let mut bundle = Self::default();
        // The bytes bound blank lines well enough.
        let blank = |line: &Result<Line<'_>, LineError>| {
            let fault = line.as_ref().err().map(|error| &error.fault);
            matches!(fault, Some(LineFault::TooManyBlank { .. }))
        };
        for (count, line) in lines(bytes).filter(|line| !blank(line)).enumerate() {
            if count == BUNDLE_LINES_MAX {
                return Err(BundleTooLarge);
            }
            let (number, read) = match line {
                Ok(line) => (line.number, Envelope::parse_line(&line)),
                Err(LineError { line, fault }) => (line, Err(EnvelopeError::Line(fault))),
            };
            match read {
                Ok(envelope) => bundle.envelopes.push((number, envelope)),
                Err(fault) => bundle.fault = bundle.fault.or(Some((number, fault))),
            }
        }
        Ok(bundle)
    }

    /// The envelopes, each with the number of its line, from 1.
    pub fn envelopes(&self) -> impl Iterator<Item = (usize, &Envelope)> {
        self.envelopes
            .iter()
            .map(|(line, envelope)| (*line, envelope))
    }

    /// The first line that is no envelope, and why: worth telling where nothing else is found.
    #[must_use]
    pub fn first_fault(&self) -> Option<(usize, &EnvelopeError)> {
        self.fault.as_ref().map(|(line, fault)| (*line, fault))
    }
}

/// An envelope that stands in a file of its own.
impl From<Envelope> for Bundle {
    fn from(envelope: Envelope) -> Self {
        Self {
            envelopes: vec![(1, envelope)],
            fault: None,
        }
    }
}
