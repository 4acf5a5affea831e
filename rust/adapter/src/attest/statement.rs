//! in-toto Statements, version 1: something is said about subjects named by digest.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pocketune_base::{Digest, without_byte_order_mark};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::dsse::Envelope;
use crate::attest::json::{self, JsonError};
use crate::attest::{Halt, Release, Validation};

/// Payload type of an envelope that holds a statement.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

const TYPE: &str = "https://in-toto.io/Statement/v1";
const SHA256: &str = "sha256";

/// Why a payload is no statement that this version knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// The payload is of another type than a statement.
    #[error("the payload is no in-toto statement but {found}")]
    PayloadType {
        /// What it claims to be.
        found: String,
    },
    /// `_type` is another one: another version, say.
    #[error("the statement's _type is not {TYPE}")]
    Version,
    /// Not JSON, or not a statement's.
    #[error("the statement cannot be read: {0}")]
    Json(JsonError),
    /// It names no subject by its SHA-256.
    #[error("the statement does not say what it is about")]
    Subject,
    /// A predicate of ours breaks its format.
    #[error("the {predicate} cannot be read: {cause}")]
    Predicate {
        /// `release`, `validation` or `halt`.
        predicate: &'static str,
        /// What is wrong with it.
        cause: JsonError,
    },
}

/// What is said.
#[derive(Debug, Clone, PartialEq)]
pub enum Predicate {
    /// Somebody gives this out, to be used as said.
    Release(Box<Release>),
    /// Suites were run over this.
    Validation(Box<Validation>),
    /// Nobody else is to install this.
    Halt(Box<Halt>),
    /// How this came about (SLSA provenance), or what else others state: carried and
    /// shown, never decided by.
    Other {
        /// The predicate's type.
        predicate_type: String,
        /// All of it.
        predicate: Value,
    },
}

/// A statement: true for whoever trusts who signed its envelope.
#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    /// Digests of what it is about, at least one, with names that say nothing. What it names
    /// by other digests alone, a commit perhaps, is left out.
    pub subjects: Vec<Subject>,
    /// What it says.
    pub predicate: Predicate,
}

/// Something a statement is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// A name for people.
    pub name: String,
    /// Its bytes' digest: what identifies it.
    pub sha256: Digest,
}

/// As JSON. Unknown fields are ignored, as in-toto demands of consumers.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(rename = "_type")]
    statement_type: String,
    subject: Vec<ResourceDescriptor>,
    predicate_type: String,
    #[serde(default)]
    predicate: Value,
}

#[derive(Serialize, Deserialize)]
struct ResourceDescriptor {
    #[serde(default)]
    name: String,
    // Other algorithms' digests are kept by nobody.
    #[serde(default)]
    digest: BTreeMap<String, Value>,
}

impl Statement {
    /// What `envelope` holds, whoever signed it.
    ///
    /// # Errors
    /// [`StatementError`].
    pub fn unverified(envelope: &Envelope) -> Result<Self, StatementError> {
        if envelope.payload_type() != STATEMENT_TYPE {
            let found = envelope.payload_type().chars().take(80).collect();
            return Err(StatementError::PayloadType { found });
        }
        let mut document: Document =
            json::read(envelope.unverified_payload()).map_err(StatementError::Json)?;
        if document.statement_type != TYPE {
            return Err(StatementError::Version);
        }
        let subjects: Vec<Subject> = document.subject.iter().filter_map(subject).collect();
        if subjects.is_empty() {
            return Err(StatementError::Subject);
        }
        let read = |predicate| move |cause| StatementError::Predicate { predicate, cause };
        if kind(&document.predicate_type).is_some() {
            make_whole(&mut document.predicate);
        }
        let predicate = match document.predicate_type.as_str() {
            Release::TYPE => {
                let release = json::shaped(&document.predicate).map_err(read("release"))?;
                Predicate::Release(Box::new(release))
            }
            Validation::TYPE => {
                let validation = json::shaped(&document.predicate).map_err(read("validation"))?;
                Predicate::Validation(Box::new(validation))
            }
            Halt::TYPE => {
                let halt = json::shaped(&document.predicate).map_err(read("halt"))?;
                Predicate::Halt(Box::new(halt))
            }
            _ => Predicate::Other {
                predicate_type: document.predicate_type,
                predicate: document.predicate,
            },
        };
        Ok(Self {
            subjects,
            predicate,
        })
    }

    /// An envelope around this statement, without signatures.
    #[must_use]
    pub fn envelope(&self) -> Envelope {
        let (predicate_type, predicate) = match &self.predicate {
            Predicate::Release(release) => (Release::TYPE, value(release)),
            Predicate::Validation(validation) => (Validation::TYPE, value(validation)),
            Predicate::Halt(halt) => (Halt::TYPE, value(halt)),
            Predicate::Other {
                predicate_type,
                predicate,
            } => (predicate_type.as_str(), predicate.clone()),
        };
        let subject = self.subjects.iter().map(|subject| ResourceDescriptor {
            name: subject.name.clone(),
            digest: BTreeMap::from([(SHA256.to_owned(), subject.sha256.to_string().into())]),
        });
        let document = Document {
            statement_type: TYPE.to_owned(),
            subject: subject.collect(),
            predicate_type: predicate_type.to_owned(),
            predicate,
        };
        // Maps with text keys and numbers that are finite have no way to fail.
        let payload = serde_json::to_vec(&document).unwrap_or_default();
        Envelope::new(STATEMENT_TYPE, payload)
    }

    /// Whether it is about the bytes with this digest.
    #[must_use]
    pub fn is_about(&self, sha256: &Digest) -> bool {
        self.subjects
            .iter()
            .any(|subject| subject.sha256 == *sha256)
    }
}

/// Our predicates are maps with text keys and finite numbers: nothing fails.
fn value(predicate: &impl Serialize) -> Value {
    serde_json::to_value(predicate).unwrap_or_default()
}

fn subject(descriptor: &ResourceDescriptor) -> Option<Subject> {
    let sha256 = descriptor.digest.get(SHA256)?.as_str()?;
    Some(Subject {
        name: descriptor.name.clone(),
        sha256: Digest::from_hex(sha256)?,
    })
}

/// Statements that decide something, by their predicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Release,
    Validation,
    Halt,
}

/// Which bytes a statement is about and what kind it is, where that can be read: whether it
/// would count must be known of those too whose predicate this version cannot read, and
/// before anybody tries its signatures.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Head<'a> {
    #[serde(rename = "_type", borrow)]
    statement_type: Cow<'a, str>,
    #[serde(borrow)]
    predicate_type: Cow<'a, str>,
    subject: Vec<HeadSubject>,
}

#[derive(Debug, Deserialize)]
struct HeadSubject {
    #[serde(default)]
    digest: Option<HeadDigest>,
}

#[derive(Debug, Deserialize)]
struct HeadDigest {
    #[serde(default)]
    sha256: Value,
}

impl<'a> Head<'a> {
    /// Nothing of a payload that has no such fields, whatever it says it is.
    pub(crate) fn unverified(envelope: &'a Envelope) -> Option<Self> {
        let text = std::str::from_utf8(envelope.unverified_payload()).ok()?;
        serde_json::from_str(without_byte_order_mark(text)).ok()
    }

    /// Whether it is one of a statement of this version.
    pub(crate) fn is_current(&self, envelope: &Envelope) -> bool {
        envelope.payload_type() == STATEMENT_TYPE && self.statement_type == TYPE
    }

    pub(crate) fn is_about(&self, sha256: &Digest) -> bool {
        self.subject.iter().any(|subject| {
            let digest = subject.digest.as_ref();
            let named = digest.and_then(|digest| digest.sha256.as_str());
            named.and_then(Digest::from_hex) == Some(*sha256)
        })
    }

    pub(crate) fn kind(&self) -> Option<Kind> {
        kind(&self.predicate_type)
    }
}

fn kind(predicate_type: &str) -> Option<Kind> {
    match predicate_type {
        Release::TYPE => Some(Kind::Release),
        Validation::TYPE => Some(Kind::Validation),
        Halt::TYPE => Some(Kind::Halt),
        _ => None,
    }
}

/// Whole numbers up to here are exact in what holds numbers as doubles alone.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes 3.0 as 3. In in-toto's own libraries a predicate is a protobuf Struct, whose numbers
/// are doubles, and some of them write all numbers so.
fn make_whole(value: &mut Value) {
    match value {
        Value::Array(values) => values.iter_mut().for_each(make_whole),
        Value::Object(fields) => fields.values_mut().for_each(make_whole),
        Value::Number(number) if number.is_f64() => {
            let double = number.as_f64().unwrap_or(f64::NAN);
            let whole = double as i64;
            // Zero has a sign.
            let same = (whole as f64).to_bits() == double.to_bits();
            if same && double.abs() <= EXACT_MAX {
                *number = whole.into();
            }
        }
        Value::Number(_) | Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}
