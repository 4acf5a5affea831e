//! DSSE envelopes, protocol version 1: a payload, its type, and signatures over both.

use pocketune_base::{Line, LineFault};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::attest::json::{self, JsonError};
use crate::base64;
use crate::keys::{KeyId, PublicKey, SecretKey};

/// An envelope on one line may be this long, its signatures included.
pub const ENVELOPE_BYTES_MAX: usize = 256 << 10;

/// How often signatures are tried with keys that they do not name, in one envelope or one
/// bundle: four times for each of 1,000 lines by strangers. What names a key is always tried
/// with that key, and first, so that it cannot be crowded out.
pub(crate) const GUESSES_MAX: usize = 4_096;

/// A guess over a payload of so many bytes counts for one more: hashing them takes as long.
const GUESS_BYTES: usize = 16 << 10;

/// Why bytes are no envelope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Longer than [`ENVELOPE_BYTES_MAX`].
    #[error("the envelope is longer than {ENVELOPE_BYTES_MAX} bytes")]
    TooLong,
    /// No JSON object with payload, payloadType and signatures.
    #[error("the envelope is not DSSE: {0}")]
    Json(#[from] JsonError),
    /// A line of a bundle that is no object of its own.
    #[error("{0}")]
    Line(LineFault),
    /// The payload is neither standard nor URL-safe base64.
    #[error("the envelope's payload is no base64")]
    Base64,
}

/// A payload somebody may have signed. Nothing in it is to be believed before
/// [`Envelope::signers`] says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload_type: String,
    payload: Vec<u8>,
    signatures: Vec<EnvelopeSignature>,
}

/// A signature, and a hint whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EnvelopeSignature {
    // A hint alone (DSSE, envelope.md): nothing is decided by it but which key is tried first.
    // Other tools name keys in other ways, or not at all.
    key_id: Option<String>,
    bytes: Vec<u8>,
}

impl EnvelopeSignature {
    /// One that can be read; nothing of another form. Anybody can add a signature to an
    /// envelope, whatever it looks like, and those beside it stay what they are.
    fn of(document: Value) -> Option<Self> {
        let document: SignatureDocument = serde_json::from_value(document).ok()?;
        Some(Self {
            bytes: base64::decode(&document.sig)?,
            key_id: document.keyid.filter(|hint| !hint.is_empty()),
        })
    }

    fn names(&self, id: KeyId) -> bool {
        self.key_id.as_deref().and_then(KeyId::from_hex) == Some(id)
    }
}

/// How many more guesses there may be.
pub(crate) struct Guesses(usize);

impl Guesses {
    pub(crate) fn new(most: usize) -> Self {
        Self(most)
    }

    /// Whether there may be one more over a message of this length.
    fn take(&mut self, message: &[u8]) -> bool {
        let left = self.0.checked_sub(1 + message.len() / GUESS_BYTES);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

/// The envelope as JSON. Unknown fields are ignored, as DSSE demands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    payload_type: String,
    payload: String,
    signatures: Vec<Value>,
}

#[derive(Serialize, Deserialize)]
struct SignatureDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

impl Envelope {
    /// A payload without signatures.
    #[must_use]
    pub fn new(payload_type: &str, payload: Vec<u8>) -> Self {
        Self {
            payload_type: payload_type.to_owned(),
            payload,
            signatures: Vec::new(),
        }
    }

    /// Reads an envelope's JSON. Believes nothing.
    ///
    /// # Errors
    /// [`EnvelopeError`].
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        if json.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLong);
        }
        let document: Document = json::read(json)?;
        let signatures = document.signatures.into_iter();
        Ok(Self {
            payload: base64::decode(&document.payload).ok_or(EnvelopeError::Base64)?,
            signatures: signatures.filter_map(EnvelopeSignature::of).collect(),
            payload_type: document.payload_type,
        })
    }

    pub(crate) fn parse_line(line: &Line<'_>) -> Result<Self, EnvelopeError> {
        let parsed = Self::parse(line.text.as_bytes());
        parsed.map_err(|error| match line.layout_fault() {
            Some(fault) => EnvelopeError::Line(fault),
            None => error,
        })
    }

    /// The envelope as one line of JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let signatures = self.signatures.iter().map(|signature| {
            let document = SignatureDocument {
                keyid: signature.key_id.clone(),
                sig: base64::encode(&signature.bytes),
            };
            serde_json::to_value(document).unwrap_or_default()
        });
        let document = Document {
            payload_type: self.payload_type.clone(),
            payload: base64::encode(&self.payload),
            signatures: signatures.collect(),
        };
        // Texts and lists of texts have no way to fail.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// What the payload claims to be.
    #[must_use]
    pub fn payload_type(&self) -> &str {
        &self.payload_type
    }

    /// The payload, whoever wrote it.
    #[must_use]
    pub fn unverified_payload(&self) -> &[u8] {
        &self.payload
    }

    /// Number of signatures, right or wrong.
    #[must_use]
    pub fn signature_count(&self) -> usize {
        self.signatures.len()
    }

    /// The names of keys that signatures claim to be of, those that give one; to be shown as
    /// claims, since nothing is checked here.
    pub fn unverified_key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures
            .iter()
            .filter_map(|signature| signature.key_id.as_deref())
    }

    /// What a signature is over: the pre-authentication encoding, which binds the type
    /// too (DSSE, protocol.md).
    #[must_use]
    pub fn signed_bytes(&self) -> Vec<u8> {
        let header = format!(
            "DSSEv1 {} {} {} ",
            self.payload_type.len(),
            self.payload_type,
            self.payload.len()
        );
        [header.as_bytes(), &self.payload].concat()
    }

    /// Adds `key`'s signature.
    pub fn sign(&mut self, key: &SecretKey) {
        let signature = key.sign(&self.signed_bytes());
        self.push(&key.public(), signature.to_vec());
    }

    /// Adds a signature of [`Envelope::signed_bytes`] that was made elsewhere. False, and
    /// nothing changes, if it is not `key`'s.
    pub fn add_signature(&mut self, key: &PublicKey, signature: &[u8]) -> bool {
        let right = key.verifies(&self.signed_bytes(), signature);
        if right {
            self.push(key, signature.to_vec());
        }
        right
    }

    fn push(&mut self, key: &PublicKey, bytes: Vec<u8>) {
        self.signatures.push(EnvelopeSignature {
            key_id: Some(key.id().to_string()),
            bytes,
        });
    }

    /// Which of `keys` signed this, each once however often it did. A signature is tried
    /// with the key that it names first, then with the others, so often as
    /// [`GUESSES_MAX`] allows: names of keys are hints.
    #[must_use]
    pub fn signers<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<KeyId> {
        let keys: Vec<&PublicKey> = keys.into_iter().collect();
        let mut found = self.named_signers(keys.iter().copied());
        self.guess_signers(keys, &mut found, 1, &mut Guesses::new(GUESSES_MAX));
        found
    }

    /// Which of `keys` signed this under their names.
    pub(crate) fn named_signers<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
    ) -> Vec<KeyId> {
        let mut message = None;
        let mut found = Vec::new();
        for key in keys {
            let id = key.id();
            let mut named = self.signatures.iter().filter(|one| one.names(id));
            let signed = |one: &EnvelopeSignature| {
                let message = message.get_or_insert_with(|| self.signed_bytes());
                key.verifies(message, &one.bytes)
            };
            if !found.contains(&id) && named.any(signed) {
                found.push(id);
            }
        }
        found
    }

    /// Adds those of `keys` that signed this under other names or none. Stops where `needed`
    /// of them cannot have signed any more.
    pub(crate) fn guess_signers<'k>(
        &self,
        keys: impl IntoIterator<Item = &'k PublicKey>,
        found: &mut Vec<KeyId>,
        needed: usize,
        guesses: &mut Guesses,
    ) {
        let keys: Vec<(KeyId, &PublicKey)> =
            { keys.into_iter() }.map(|key| (key.id(), key)).collect();
        if keys.is_empty() || self.signatures.len() < needed {
            return;
        }
        let message = self.signed_bytes();
        for (at, signature) in self.signatures.iter().enumerate() {
            if found.len() + self.signatures.len() - at < needed {
                return;
            }
            for &(id, key) in &keys {
                if found.contains(&id) || signature.names(id) {
                    continue;
                }
                if !guesses.take(&message) {
                    return;
                }
                if key.verifies(&message, &signature.bytes) {
                    found.push(id);
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, EnvelopeError, GUESSES_MAX, Guesses};
    use crate::keys::SecretKey;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&[seed; 32])
    }

    fn signed() -> Envelope {
        let mut envelope = Envelope::new("http://example.com/HelloWorld", b"hello world".to_vec());
        envelope.sign(&key(1));
        envelope
    }

    /// The example of DSSE's protocol.md.
    #[test]
    fn pre_authentication_encoding_is_as_specified() {
        let expected = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world";
        assert_eq!(signed().signed_bytes(), expected);
    }

    #[test]
    fn envelopes_survive_their_json() {
        let envelope = signed();
        assert_eq!(
            Envelope::parse(envelope.to_json().as_bytes()).unwrap(),
            envelope
        );
    }

    #[test]
    fn both_alphabets_and_unknown_fields_are_read() {
        let payload = vec![0xfb, 0xef, 0xff, 0xfe];
        for text in ["++///g==", "--___g==", "--___g"] {
            let json = format!(
                r#"{{"payload":"{text}","payloadType":"t","signatures":[{{"sig":"","x":1}}],"y":[]}}"#
            );
            let envelope = Envelope::parse(json.as_bytes()).unwrap();
            assert_eq!(envelope.unverified_payload(), payload);
        }
    }

    #[test]
    fn a_key_counts_once_under_whatever_name() {
        let (one, two) = (key(1).public(), key(2).public());
        let mut envelope = signed();
        envelope.sign(&key(1));
        assert_eq!(envelope.signers([&one, &two, &one]), [one.id()]);
        // Names are hints: another key's, another tool's, none.
        let line = envelope.to_json();
        let other = two.id().to_string();
        for name in [other.as_str(), "SHA256:abc", ""] {
            let renamed = line.replace(&one.id().to_string(), name);
            let renamed = Envelope::parse(renamed.as_bytes()).unwrap();
            assert_eq!(renamed.signers([&one, &two]), [one.id()], "{name:?}");
            assert_eq!(renamed.signers([&two]), [], "{name:?}");
        }
    }

    #[test]
    fn signatures_of_others_in_an_envelope_change_nothing() {
        let one = key(1).public();
        let own = signed().to_json();
        let own = own.split_once("\"signatures\":[").unwrap().1;
        let own = own.strip_suffix("]}").unwrap();
        let stranger = format!(r#"{{"keyid":"x","sig":"{}"}}"#, "A".repeat(86));
        for other in [
            r#"{"sig":"***"}"#,
            r#"{"keyid":"x"}"#,
            r#"{"sig":1}"#,
            r#"{"keyid":7,"sig":""}"#,
            r#"{"sig":"AAAA","cert":"-----BEGIN"}"#,
            "null",
            "\"text\"",
            "[]",
            vec![stranger.as_str(); 500].join(",").as_str(),
        ] {
            for both in [format!("{own},{other}"), format!("{other},{own}")] {
                let line = signed().to_json().replace(own, &both);
                let envelope = Envelope::parse(line.as_bytes()).unwrap();
                assert_eq!(envelope.signers([&one]), [one.id()], "{other}");
                let again = Envelope::parse(envelope.to_json().as_bytes()).unwrap();
                assert_eq!(again, envelope);
            }
        }
    }

    #[test]
    fn guesses_end_and_names_are_tried_all_the_same() {
        let (one, two) = (key(1).public(), key(2).public());
        let mut envelope = Envelope::new("t", vec![0; super::GUESS_BYTES]);
        for _ in 0..10 {
            envelope.sign(&key(3));
        }
        envelope.sign(&key(1));
        let mut found = envelope.named_signers([&one, &two]);
        assert_eq!(found, [one.id()]);
        // A payload of this length makes each guess count twice.
        let mut guesses = Guesses::new(9);
        envelope.guess_signers([&one, &two], &mut found, 1, &mut guesses);
        assert_eq!((found.as_slice(), guesses.0), ([one.id()].as_slice(), 0));
        let unnamed = envelope.to_json().replace(&one.id().to_string(), "");
        let unnamed = Envelope::parse(unnamed.as_bytes()).unwrap();
        let mut guesses = Guesses::new(GUESSES_MAX);
        let mut found = Vec::new();
        // The first of them is a stranger's: eleven are not left.
        unnamed.guess_signers([&one], &mut found, 11, &mut guesses);
        assert_eq!((found.len(), guesses.0), (0, GUESSES_MAX - 2));
        for (most, expected) in [(20, 0), (22, 1), (GUESSES_MAX, 1)] {
            let mut found = Vec::new();
            unnamed.guess_signers([&one], &mut found, 1, &mut Guesses::new(most));
            assert_eq!(found.len(), expected, "{most}");
        }
    }

    #[test]
    fn signatures_bind_type_and_payload() {
        let one = key(1).public();
        let line = signed().to_json();
        let other = line.replace("HelloWorld", "HelloWords");
        assert!(
            Envelope::parse(other.as_bytes())
                .unwrap()
                .signers([&one])
                .is_empty()
        );
        let mut elsewhere = Envelope::new("t", Vec::new());
        assert!(!elsewhere.add_signature(&one, &[0; 64]));
        let signature = key(1).sign(&elsewhere.signed_bytes());
        assert!(elsewhere.add_signature(&one, &signature));
        assert_eq!(elsewhere.signers([&one]), [one.id()]);
    }

    #[test]
    fn what_is_no_envelope_is_refused() {
        let parse = |json: &str| Envelope::parse(json.as_bytes()).unwrap_err();
        let with =
            |payload| format!(r#"{{"payload":"{payload}","payloadType":"t","signatures":[]}}"#);
        assert_eq!(parse(&with("a")), EnvelopeError::Base64);
        assert_eq!(parse(&with("+_==")), EnvelopeError::Base64);
        assert!(matches!(parse("{}"), EnvelopeError::Json(_)));
        assert_eq!(parse(&" ".repeat(1 << 20)), EnvelopeError::TooLong);
    }
}
