//! Who signed what of the attestations beside a file.
//!
//! Anybody may add lines to a bundle. What strangers add can neither help nor harm: a line
//! counts once a known key signed it, and no number of other lines keeps one from being
//! looked at. So lines are sorted before signatures are tried, by what their payload claims
//! to be:
//!
//! - *What decides*: releases, validations and halts of these very bytes. Each signature is tried
//!   with the key that it names, however many there are; then all are tried with the other
//!   keys of the role, so often as `GUESSES_MAX` allows, envelopes of few signatures first.
//! - *The rest*: statements about other bytes or of other kinds, which are shown or make a
//!   refusal more telling. A few guesses have to do.
//!
//! A statement that cannot be read is passed over, whoever signed it, unless it would count
//! if it could be read: then the file is refused. Whoever wrote it wanted something that this
//! version would not do, such as telling that validation failed.

use pocketune_base::Digest;

use crate::attest::{
    BUNDLE_BYTES_MAX, BUNDLE_LINES_MAX, Bundle, BundleTooLarge, Envelope, GUESSES_MAX, Guesses,
    Head, Kind, Statement, StatementError,
};
use crate::keys::{KeyId, PublicKey};
use crate::policy::TrustPolicy;
use crate::verify::Refusal;

/// So often signatures that decide nothing are tried.
const REST_GUESSES_MAX: usize = 256;

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

/// A statement of ours about these bytes that at least one known key signed and that cannot
/// be read.
pub(super) struct Unreadable {
    line: usize,
    cause: StatementError,
    pub(super) kind: Kind,
    pub(super) by: SignedBy,
}

/// What known keys say of a file.
pub(super) struct Said {
    pub(super) signed: Vec<Signed>,
    pub(super) unreadable: Vec<Unreadable>,
    /// The first release, validation or halt of a known key that was passed over; without one
    /// the first line that is no envelope.
    passed_over: Option<Refusal>,
}

impl Said {
    /// What to tell where nothing counts: absence where nothing else can be told.
    pub(super) fn more_telling(&self, refusal: Refusal) -> Refusal {
        match (refusal, &self.passed_over) {
            (Refusal::NoRelease | Refusal::NoValidation, Some(passed_over)) => passed_over.clone(),
            (refusal, _) => refusal,
        }
    }

    fn pass_over(&mut self, line: usize, cause: StatementError) {
        let fault = Refusal::Statement { line, cause };
        self.passed_over.get_or_insert(fault);
    }
}

impl Unreadable {
    pub(super) fn refusal(&self) -> Refusal {
        let (line, cause) = (self.line, self.cause.clone());
        Refusal::Statement { line, cause }
    }
}

/// Finds what a key of the policy, or this device's, says of the bytes with this digest.
pub(super) fn said(
    bundle: &Bundle,
    sha256: &Digest,
    policy: &TrustPolicy,
    device: Option<&PublicKey>,
) -> Result<Said, Refusal> {
    let keys = Keys::of(policy, device);
    let mut lines = sorted(bundle, sha256);
    keys.find(&mut lines, |line| line.kind.is_some(), GUESSES_MAX);
    for line in lines.iter_mut().filter(|line| !line.by.is_known()) {
        // Keys of other roles may have signed it.
        line.keys_of = None;
    }
    keys.find(&mut lines, |line| !line.by.is_known(), REST_GUESSES_MAX);
    let mut said = Said {
        signed: Vec::new(),
        unreadable: Vec::new(),
        passed_over: None,
    };
    let mut nobody = true;
    for Sorted {
        number,
        envelope,
        kind,
        by,
        ..
    } in lines
    {
        if !by.is_known() {
            continue;
        }
        nobody = false;
        match (Statement::unverified(envelope), kind) {
            (Ok(statement), _) => said.signed.push(Signed { statement, by }),
            (Err(cause), None) => {
                // What else known keys sign tells nothing of what is missing.
                if Head::unverified(envelope).is_some_and(|head| head.kind().is_some()) {
                    said.pass_over(number, cause);
                }
            }
            (Err(cause), Some(kind)) => {
                said.pass_over(number, cause.clone());
                said.unreadable.push(Unreadable {
                    line: number,
                    cause,
                    kind,
                    by,
                });
            }
        }
    }
    said.passed_over = said.passed_over.or_else(|| unreadable_line(bundle));
    match nobody {
        true => Err(keys.why_nobody(bundle)),
        false => Ok(said),
    }
}

/// The first line that is no envelope, as a refusal: a statement that is missing may have
/// stood there.
fn unreadable_line(bundle: &Bundle) -> Option<Refusal> {
    bundle.first_fault().map(|(line, cause)| {
        let cause = cause.clone();
        Refusal::Envelope { line, cause }
    })
}

/// An envelope by what it claims to be.
struct Sorted<'b> {
    number: usize,
    envelope: &'b Envelope,
    /// What it decides; nothing where it is about other bytes or of no kind of ours.
    kind: Option<Kind>,
    /// Only keys that sign this are tried; all where there is none.
    keys_of: Option<Kind>,
    by: SignedBy,
}

fn sorted<'b>(bundle: &'b Bundle, sha256: &Digest) -> Vec<Sorted<'b>> {
    let each = bundle.envelopes().map(|(number, envelope)| {
        let head = Head::unverified(envelope);
        let head = head.filter(|head| head.is_current(envelope) && head.is_about(sha256));
        let kind = head.and_then(|head| head.kind());
        Sorted {
            number,
            envelope,
            kind,
            keys_of: kind,
            by: SignedBy::default(),
        }
    });
    each.collect()
}

impl SignedBy {
    fn is_known(&self) -> bool {
        !self.release.is_empty() || !self.validation.is_empty() || self.device
    }
}

/// Keys that count, and those that no longer do.
struct Keys<'k> {
    release: Vec<&'k PublicKey>,
    validation: Vec<&'k PublicKey>,
    device: Option<&'k PublicKey>,
    revoked: Vec<&'k PublicKey>,
    release_threshold: usize,
}

impl<'k> Keys<'k> {
    fn of(policy: &'k TrustPolicy, device: Option<&'k PublicKey>) -> Self {
        let roles = &policy.document().roles;
        let listed = policy.document().keys.values().map(|key| &key.public);
        let revoked = |key: &&PublicKey| policy.revoked_key(&key.id());
        Self {
            release: policy.keys(&roles.release.keys).collect(),
            validation: policy.keys(&roles.validation.keys).collect(),
            device: device.filter(|key| !revoked(key)),
            // No policy lists a device's key, but one may revoke it.
            revoked: listed.chain(device).filter(revoked).collect(),
            release_threshold: roles.release.threshold,
        }
    }

    /// Finds out who signed those `lines` that are `wanted`: first by the names that
    /// signatures give, then by guessing.
    fn find(&self, lines: &mut [Sorted<'_>], wanted: impl Fn(&Sorted<'_>) -> bool, guesses: usize) {
        let mut wanted: Vec<_> = lines.iter_mut().filter(|line| wanted(line)).collect();
        for line in &mut wanted {
            let (release, validation) = self.of_kind(line.keys_of);
            line.by = SignedBy {
                release: line.envelope.named_signers(release.iter().copied()),
                validation: line.envelope.named_signers(validation.iter().copied()),
                device: !line.envelope.named_signers(self.device).is_empty(),
            };
        }
        // Whoever adds many signatures waits longer.
        wanted.sort_by_key(|line| line.envelope.signature_count());
        let mut guesses = Guesses::new(guesses);
        for line in &mut wanted {
            let (release, validation) = self.of_kind(line.keys_of);
            let (envelope, by) = (line.envelope, &mut line.by);
            // Too few signatures release nothing, whoever they are of.
            let needed = line.keys_of.map_or(1, |_| self.release_threshold);
            envelope.guess_signers(
                release.iter().copied(),
                &mut by.release,
                needed,
                &mut guesses,
            );
            envelope.guess_signers(
                validation.iter().copied(),
                &mut by.validation,
                1,
                &mut guesses,
            );
        }
        // A device signs with this library alone, which writes its name. Other names are
        // guessed where nobody else has released anything.
        let threshold = self.release_threshold;
        if wanted.iter().any(|line| line.by.release.len() >= threshold) {
            return;
        }
        for line in wanted.into_iter().filter(|line| !line.by.device) {
            let mut found = Vec::new();
            let device = self.device;
            line.envelope
                .guess_signers(device, &mut found, 1, &mut guesses);
            line.by.device = !found.is_empty();
        }
    }

    /// Release and validation keys that sign statements of this kind.
    fn of_kind(&self, kind: Option<Kind>) -> (&[&'k PublicKey], &[&'k PublicKey]) {
        match kind {
            Some(Kind::Release | Kind::Halt) => (&self.release, &[]),
            Some(Kind::Validation) => (&[], &self.validation),
            None => (&self.release, &self.validation),
        }
    }

    /// What to say of a bundle in which no key that counts signed anything.
    fn why_nobody(&self, bundle: &Bundle) -> Refusal {
        let mut guesses = Guesses::new(REST_GUESSES_MAX);
        for (_, envelope) in bundle.envelopes() {
            let mut found = envelope.named_signers(self.revoked.iter().copied());
            envelope.guess_signers(self.revoked.iter().copied(), &mut found, 1, &mut guesses);
            if let Some(&key) = found.first() {
                return Refusal::KeyRevoked { key };
            }
        }
        unreadable_line(bundle).unwrap_or(Refusal::NoTrustedSignature)
    }
}

impl From<BundleTooLarge> for Refusal {
    fn from(_: BundleTooLarge) -> Self {
        Self::BundleTooLarge {
            limit_bytes: BUNDLE_BYTES_MAX,
            limit_lines: BUNDLE_LINES_MAX,
        }
    }
}
