//! in-toto Statements, version 1: something is said about subjects named by digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::dsse::Envelope;
use crate::attest::json::{self, JsonError};
use crate::attest::{Digest, Release, Validation};

/// Payload type of an envelope that holds a statement.
pub const STATEMENT_TYPE: &str = "application/vnd.in-toto+json";

const TYPE: &str = "https://in-toto.io/Statement/v1";
const SHA256: &str = "sha256";
/// More subjects than any file of ours has.
const SUBJECTS_MAX: usize = 64;

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
    /// It names no subject, more than 64, or one without a SHA-256.
    #[error("the statement does not say what it is about")]
    Subject,
    /// A predicate of ours breaks its format.
    #[error("the {predicate} cannot be read: {cause}")]
    Predicate {
        /// `release` or `validation`.
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
    /// Digests of what it is about, at least one, with names that say nothing.
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
        let document: Document =
            json::read(envelope.unverified_payload()).map_err(StatementError::Json)?;
        if document.statement_type != TYPE {
            return Err(StatementError::Version);
        }
        let subjects: Option<Vec<Subject>> = document.subject.iter().map(subject).collect();
        let subjects = subjects
            .filter(|subjects| (1..=SUBJECTS_MAX).contains(&subjects.len()))
            .ok_or(StatementError::Subject)?;
        let read = |predicate| move |cause| StatementError::Predicate { predicate, cause };
        let predicate = match document.predicate_type.as_str() {
            Release::TYPE => {
                let release = json::shaped(&document.predicate).map_err(read("release"))?;
                Predicate::Release(Box::new(release))
            }
            Validation::TYPE => {
                let validation = json::shaped(&document.predicate).map_err(read("validation"))?;
                Predicate::Validation(Box::new(validation))
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
