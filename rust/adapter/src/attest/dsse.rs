//! DSSE envelopes, protocol version 1: a payload, its type, and signatures over both.

use pocketune_base::{Line, LineError, LineFault, lines};
use serde::{Deserialize, Serialize};

use crate::attest::base64;
use crate::attest::json::{self, JsonError};
use crate::keys::{KeyId, PublicKey, SecretKey};

/// An envelope on one line may be this long.
pub const ENVELOPE_BYTES_MAX: usize = 256 << 10;

/// An envelope may carry this many signatures.
pub const SIGNATURES_MAX: usize = 16;

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
    /// Payload or a signature is neither standard nor URL-safe base64.
    #[error("the envelope's {field} is no base64")]
    Base64 {
        /// `payload` or `sig`.
        field: &'static str,
    },
    /// More than [`SIGNATURES_MAX`] signatures.
    #[error("the envelope has more than {SIGNATURES_MAX} signatures")]
    TooManySignatures,
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
    // A hint alone (DSSE, envelope.md): nothing is decided by it but which keys are tried.
    key_id: Option<String>,
    bytes: Vec<u8>,
}

/// The envelope as JSON. Unknown fields are ignored, as DSSE demands.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    payload_type: String,
    payload: String,
    signatures: Vec<SignatureDocument>,
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
        if document.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures);
        }
        let decode =
            |field, text: &str| base64::decode(text).ok_or(EnvelopeError::Base64 { field });
        let signatures = document.signatures.into_iter().map(|signature| {
            Ok(EnvelopeSignature {
                bytes: decode("sig", &signature.sig)?,
                key_id: signature.keyid.filter(|hint| !hint.is_empty()),
            })
        });
        Ok(Self {
            payload: decode("payload", &document.payload)?,
            signatures: signatures.collect::<Result<_, EnvelopeError>>()?,
            payload_type: document.payload_type,
        })
    }

    /// Reads the lines of a bundle that are not blank, each with its number. Believes nothing.
    pub fn each(bundle: &[u8]) -> impl Iterator<Item = (usize, Result<Self, EnvelopeError>)> {
        lines(bundle).map(|line| match line {
            Ok(line) => (line.number, Self::parse_line(&line)),
            Err(LineError { line, fault }) => (line, Err(EnvelopeError::Line(fault))),
        })
    }

    fn parse_line(line: &Line<'_>) -> Result<Self, EnvelopeError> {
        let parsed = Self::parse(line.text.as_bytes());
        parsed.map_err(|error| match line.layout_fault() {
            Some(fault) => EnvelopeError::Line(fault),
            None => error,
        })
    }

    /// The envelope as one line of JSON, without the line's end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let signatures = self.signatures.iter().map(|signature| SignatureDocument {
            keyid: signature.key_id.clone(),
            sig: base64::encode(&signature.bytes),
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

    /// Which of `keys` signed this, each once however often it did. A signature with a
    /// hint is tried with the key of that name alone, one without with all.
    #[must_use]
    pub fn signers<'k>(&self, keys: impl IntoIterator<Item = &'k PublicKey>) -> Vec<KeyId> {
        let message = self.signed_bytes();
        let signed = |key: &PublicKey, id: KeyId| {
            let name = id.to_string();
            self.signatures
                .iter()
                .filter(|signature| signature.key_id.as_ref().is_none_or(|hint| *hint == name))
                .any(|signature| key.verifies(&message, &signature.bytes))
        };
        let mut found = Vec::new();
        for key in keys {
            let id = key.id();
            if !found.contains(&id) && signed(key, id) {
                found.push(id);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::{Envelope, EnvelopeError, SIGNATURES_MAX};
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
    fn a_key_counts_once_and_only_under_its_name() {
        let (one, two) = (key(1).public(), key(2).public());
        let mut envelope = signed();
        envelope.sign(&key(1));
        assert_eq!(envelope.signers([&one, &two, &one]), [one.id()]);
        // Under another's name it does not count, without a name it does.
        let line = envelope.to_json();
        let renamed = line.replace(&one.id().to_string(), &two.id().to_string());
        let renamed = Envelope::parse(renamed.as_bytes()).unwrap();
        assert!(renamed.signers([&one, &two]).is_empty());
        let unnamed = line.replace(&one.id().to_string(), "");
        let unnamed = Envelope::parse(unnamed.as_bytes()).unwrap();
        assert_eq!(unnamed.signers([&one, &two]), [one.id()]);
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
        let base64 = |field| EnvelopeError::Base64 { field };
        let with = |payload, sig| {
            format!(
                r#"{{"payload":"{payload}","payloadType":"t","signatures":[{{"sig":"{sig}"}}]}}"#
            )
        };
        assert_eq!(parse(&with("a", "")), base64("payload"));
        assert_eq!(parse(&with("+_==", "")), base64("payload"));
        assert_eq!(parse(&with("", "***")), base64("sig"));
        assert!(matches!(parse("{}"), EnvelopeError::Json(_)));
        let mut many = signed();
        for _ in 0..SIGNATURES_MAX {
            many.sign(&key(1));
        }
        assert_eq!(parse(&many.to_json()), EnvelopeError::TooManySignatures);
        assert_eq!(parse(&" ".repeat(1 << 20)), EnvelopeError::TooLong);
    }
}
