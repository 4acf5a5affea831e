//! What an adapter must be before it may change a reply (layer L2).
//!
//! - A [`CandidateAdapter`] is an adapter file whose structure was checked against
//!   one [`BaseModel`] and for which nobody vouches yet.
//! - Statements about it ([`Statement`], in DSSE [`Envelope`]s) say who released it, for
//!   what, and what validation found.
//! - A [`TrustPolicy`] says whom to believe; the [`Verifier`] alone turns bytes and
//!   statements into a [`VerifiedAdapter`], or says why not.
//!
//! Bytes are read once; what was checked in memory is what an engine loads. Time is an
//! argument.
//!
//! Everything here is pure and does no I/O; no input makes it panic.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod attest;
mod base;
mod base64;
mod candidate;
mod error;
mod factors;
#[cfg(feature = "fixtures")]
pub mod fixtures;
mod keys;
mod norms;
mod policy;
mod tokenizer;
mod values;
mod verify;

pub use attest::{
    AskedBy, BUNDLE_BYTES_MAX, BUNDLE_LINES_MAX, BaseModelRef, Bundle, BundleTooLarge,
    ENVELOPE_BYTES_MAX, Envelope, EnvelopeError, Halt, InstallationId, JsonError, LoraFacts,
    Measurement, Name, NotAName, NotStages, Predicate, Procedure, Release, STAGES_MAX,
    STATEMENT_TYPE, Stage, Stages, Statement, StatementError, Subject, SubjectKind, SuiteRef,
    TestResult, Validation,
};
pub use base::{BaseModel, LAYER_WEIGHTS};
pub use candidate::{CandidateAdapter, LoraPair};
pub use error::AdapterError;
pub use factors::LoraFactors;
pub use keys::{KeyId, NotAKey, PublicKey, SecretKey};
pub use pocketune_base::{Digest, Timestamp};
pub use policy::{
    DeviceRole, KeyDocument, Limits, POLICY_TYPE, PolicyDocument, PolicyError, ReleaseRole,
    Requirement, Revoked, RoleName, Roles, Scheme, Signers, TrustPolicy, ValidationRole,
};
pub use tokenizer::tokenizer_fingerprint;
pub use verify::{
    BaseIdentity, BaseNorms, HighWaterMark, Refusal, RefusedAdapter, Released, Rollout,
    VerifiedAdapter, VerifiedFile, VerifiedRelease, Verifier, check_set,
};
