//! Whether what a release gives out was validated.

use pocketune_base::Digest;

use crate::attest::{Predicate, Statement, Validation};
use crate::keys::KeyId;
use crate::verify::bundle::Signed;
use crate::verify::refusal::first_of;
use crate::verify::release::Signer;
use crate::verify::{Refusal, Verifier};

impl Verifier<'_> {
    /// Refuses bytes that failed a validation under this model, whatever else was found:
    /// one key that is trusted to vouch for them is enough to object, unless the policy
    /// says otherwise.
    pub(super) fn check_failures(&self, signed: &[Signed], sha256: &Digest) -> Result<(), Refusal> {
        if self.policy.document().roles.validation.ignore_failed {
            return Ok(());
        }
        let failed = signed.iter().any(|Signed { statement, by }| {
            let trusted = !by.validation.is_empty() || by.device;
            let validation = self.validation_of(statement, sha256);
            trusted && validation.is_some_and(|validation| !validation.passed())
        });
        match failed {
            true => Err(Refusal::ValidationFailed),
            false => Ok(()),
        }
    }

    /// What a statement says of these bytes under this model, where it is a validation. A
    /// procedure names its adapter too: figures of one are no figures of another.
    fn validation_of<'s>(
        &self,
        statement: &'s Statement,
        sha256: &Digest,
    ) -> Option<&'s Validation> {
        let Predicate::Validation(validation) = &statement.predicate else {
            return None;
        };
        let procedure = validation.procedure.as_ref();
        let about = statement.is_about(sha256)
            && validation.base_model_sha256 == self.base.sha256
            && procedure.is_none_or(|procedure| procedure.adapter_sha256 == *sha256);
        about.then_some(validation)
    }

    /// A validation of these bytes under this model that enough keys signed and that
    /// meets the policy.
    pub(super) fn validation<'s>(
        &self,
        signed: &'s [Signed],
        sha256: &Digest,
        signer: &Signer,
    ) -> Result<(&'s Validation, Vec<KeyId>), Refusal> {
        let needed = self.policy.document().roles.validation.threshold;
        let mut refusal = Refusal::NoValidation;
        for Signed { statement, by } in signed {
            if !matches!(statement.predicate, Predicate::Validation(_)) {
                continue;
            }
            let Some(validation) = self.validation_of(statement, sha256) else {
                refusal = first_of(refusal, Refusal::OtherBytesValidated);
                continue;
            };
            let found = by.validation.len();
            let validators = match signer {
                _ if found >= needed => by.validation.clone(),
                Signer::Device if by.device => self.device_id(),
                _ => {
                    let cause = Refusal::BelowValidationThreshold { found, needed };
                    refusal = first_of(refusal, cause);
                    continue;
                }
            };
            match self.check_validation(validation) {
                Ok(()) => return Ok((validation, validators)),
                Err(cause) => refusal = first_of(refusal, cause),
            }
        }
        Err(refusal)
    }

    /// Its verdict, and the figures that the policy asks for. Its own thresholds are not
    /// looked at: who signs a validation does not set the bar.
    fn check_validation(&self, validation: &Validation) -> Result<(), Refusal> {
        if !validation.passed() {
            return Err(Refusal::ValidationFailed);
        }
        for requirement in &self.policy.document().roles.validation.requirements {
            let suite = requirement.suite.name.clone();
            let metric = requirement.metric.clone();
            match validation.value(&requirement.suite.sha256, &metric) {
                None => return Err(Refusal::MetricMissing { suite, metric }),
                Some(value) if !requirement.met_by(value) => {
                    return Err(Refusal::MetricNotMet {
                        suite,
                        metric,
                        value,
                    });
                }
                Some(_) => {}
            }
        }
        Ok(())
    }
}
