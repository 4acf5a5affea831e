//! What is said about files, and by whom: DSSE envelopes around in-toto statements.

mod bundle;
pub(crate) mod dsse;
pub(crate) mod json;
mod name;
mod release;
mod rollout;
mod statement;
mod validation;

pub use bundle::{BUNDLE_BYTES_MAX, BUNDLE_LINES_MAX, Bundle, BundleTooLarge};
pub use dsse::{ENVELOPE_BYTES_MAX, Envelope, EnvelopeError};
pub(crate) use dsse::{GUESSES_MAX, Guesses};
pub use json::JsonError;
pub use name::{Name, NotAName};
pub use release::{BaseModelRef, LoraFacts, Release, SubjectKind};
pub use rollout::{Halt, InstallationId, NotStages, STAGES_MAX, Stage, Stages};
pub(crate) use statement::{Head, Kind};
pub use statement::{Predicate, STATEMENT_TYPE, Statement, StatementError, Subject};
pub use validation::{AskedBy, Measurement, Procedure, SuiteRef, TestResult, Validation};
