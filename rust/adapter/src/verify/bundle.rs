//! The attestations beside an adapter: envelopes, one a line.

use pocketune_base::lines;

use crate::attest::{ENVELOPE_BYTES_MAX, Envelope, Statement};
use crate::keys::{KeyId, PublicKey};
use crate::policy::TrustPolicy;
use crate::verify::Refusal;

/// A bundle may be this long.
pub const BUNDLE_BYTES_MAX: usize = 4 * ENVELOPE_BYTES_MAX;

/// A bundle may have this many lines that are not empty.
pub const BUNDLE_LINES_MAX: usize = 32;

/// Whose signatures are under a statement, by role. Revoked keys are in none of them.
#[derive(Debug, Default)]
pub(super) struct SignedBy {
    pub(super) release: Vec<KeyId>,
    pub(super) validation: Vec<KeyId>,
    pub(super) device: bool,
}

/// A statement that at least one known key signed.
pub(super) struct Signed {
    pub(super) statement: Statement,
    pub(super) by: SignedBy,
}

/// Reads all lines, without believing any.
pub(super) fn envelopes(bundle: &[u8]) -> Result<Vec<(usize, Envelope)>, Refusal> {
    let too_large = Refusal::BundleTooLarge {
        limit_bytes: BUNDLE_BYTES_MAX,
        limit_lines: BUNDLE_LINES_MAX,
    };
    if bundle.len() > BUNDLE_BYTES_MAX {
        return Err(too_large);
    }
    if lines(bundle).take(BUNDLE_LINES_MAX + 1).count() > BUNDLE_LINES_MAX {
        return Err(too_large);
    }
    let each = Envelope::each(bundle);
    each.map(|(line, envelope)| {
        let envelope = envelope.map_err(|cause| Refusal::Envelope { line, cause })?;
        Ok((line, envelope))
    })
    .collect()
}

/// The statements of all envelopes that a key of the policy, or this device's, signed.
/// What strangers signed is passed over: it can neither help nor harm.
pub(super) fn trusted(
    envelopes: &[(usize, Envelope)],
    policy: &TrustPolicy,
    device: Option<&PublicKey>,
) -> Result<Vec<Signed>, Refusal> {
    let roles = &policy.document().roles;
    let mut found = Vec::new();
    let mut revoked = None;
    for (line, envelope) in envelopes {
        let by = SignedBy {
            release: envelope.signers(policy.keys(&roles.release.keys)),
            validation: envelope.signers(policy.keys(&roles.validation.keys)),
            device: !envelope.signers(device).is_empty(),
        };
        if by.release.is_empty() && by.validation.is_empty() && !by.device {
            revoked = revoked.or_else(|| revoked_signer(envelope, policy));
            continue;
        }
        let statement = Statement::unverified(envelope);
        let statement = statement.map_err(|cause| Refusal::Statement { line: *line, cause })?;
        found.push(Signed { statement, by });
    }
    match (found.is_empty(), revoked) {
        (true, Some(key)) => Err(Refusal::KeyRevoked { key }),
        (true, None) => Err(Refusal::NoTrustedSignature),
        (false, _) => Ok(found),
    }
}

/// A key of the policy that signed and no longer counts.
fn revoked_signer(envelope: &Envelope, policy: &TrustPolicy) -> Option<KeyId> {
    let keys = policy.document().keys.iter();
    let revoked = keys.filter(|(id, _)| policy.revoked_key(id));
    let signers = envelope.signers(revoked.map(|(_, key)| &key.public));
    signers.first().copied()
}
