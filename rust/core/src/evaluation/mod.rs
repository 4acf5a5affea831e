//! Proof: what a model, and an adapter to it, make of suites; what of that is signed; and
//! whether what somebody signed is measured again.

mod arm;
mod cache;
mod compare;
mod error;
mod reproduce;
mod session;
mod validation;

pub use arm::{Responder, Scorer, answer, evaluate};
pub use cache::AnswerCache;
pub use compare::{
    ComparedArms, EvaluatedSuite, Evaluation, EvaluationArm, EvaluationPlan, EvaluationProgress,
};
pub use error::EvaluationError;
pub use reproduce::{
    ComparedMeasurement, Reproduced, StatedSignatures, StatedValidation, procedure_options,
};
pub use session::{EvaluationChat, EvaluationSession};
