//! Key files: PKCS #8 for private keys, encrypted by scrypt and AES-256 where there is
//! a passphrase; SPKI for public ones. Both PEM, as other tools read them.
//!
//! What is secret lies in memory that is erased when it is dropped, and is read without a
//! buffer that somebody else keeps. Copies that the compiler makes on the stack are beyond
//! that, and so is what `rpassword` holds while somebody types.

use std::path::{Path, PathBuf};

use clap::Args;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::{
    AlgorithmIdentifierRef, EncodePrivateKey, EncryptedPrivateKeyInfoRef, LineEnding,
    PrivateKeyInfoRef, SecretDocument, pkcs5, spki,
};
use pocketune_adapter::{PublicKey, SecretKey};
use pocketune_base::Readers;
use zeroize::Zeroizing;

use super::error::{KeyError, Wanted};
use super::found::{self, found};
use super::leftovers;
use crate::error::CliError;
use crate::files::{read_secret_bytes, text_of};
use crate::out_files::{OutFile, Places, write_all};
use crate::output::line;

/// The 32 bytes that a private key is made of.
pub(super) type Seed = Zeroizing<[u8; 32]>;

/// What PKCS #8 puts before an Ed25519 seed: the head of an inner OCTET STRING (RFC 8410).
const SEED_HEAD: [u8; 2] = [0x04, 0x20];

const ALGORITHM: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
    oid: found::ED25519,
    parameters: None,
};

/// Where the passphrase of private keys comes from.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// Read the private key's passphrase from the first line of this file; `-` is standard
    /// input [default: prompt]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The file, if one is named.
    pub(crate) fn input(&self) -> Option<&PathBuf> {
        self.passphrase_file.as_ref()
    }

    fn read(&self, prompt: &str) -> Result<Zeroizing<String>, CliError> {
        let Some(path) = &self.passphrase_file else {
            let typed = rpassword::prompt_password(prompt);
            return Ok(Zeroizing::new(typed.map_err(KeyError::NotAsked)?));
        };
        let bytes = read_secret_bytes("passphrase", path)?;
        let text = text_of("passphrase", path, &bytes)?;
        let first = text.lines().next().unwrap_or_default();
        Ok(Zeroizing::new(first.to_owned()))
    }

    /// A passphrase for a new key: asked for twice, and not empty.
    pub(super) fn read_new(&self) -> Result<Zeroizing<String>, CliError> {
        let passphrase = self.read("Passphrase: ")?;
        if passphrase.is_empty() {
            return Err(KeyError::EmptyPassphrase.into());
        }
        if self.passphrase_file.is_none() && self.read("Once more: ")? != passphrase {
            return Err(KeyError::PassphrasesDiffer.into());
        }
        Ok(passphrase)
    }
}

/// Where both halves of a key go. Neither replaces a file: it may be the only key of its
/// kind.
pub(super) struct KeyFiles {
    path: PathBuf,
    private: OutFile,
    public: OutFile,
}

impl KeyFiles {
    /// Removes what a run that was killed left of a key that nobody has seen, and looks
    /// whether both files can be made.
    pub(super) fn check(path: &Path, passphrase: &PassphraseArgs) -> Result<Self, CliError> {
        leftovers::remove(path);
        let mut places = Places::beside(passphrase.input());
        let (private, public) = (Readers::Owner, Readers::Umask);
        let beside = public_path(path);
        Ok(Self {
            path: path.to_owned(),
            private: places.new_file("--out", path, private)?,
            public: places.new_file("the public key beside --out", &beside, public)?,
        })
    }
}

/// Writes both halves of a key, or none: the public one takes its place first, and where
/// the process is killed before the other has, the next one knows by that one's temporary
/// file that nobody has the key.
pub(super) fn write(
    files: KeyFiles,
    seed: &Seed,
    passphrase: Option<&str>,
) -> Result<PublicKey, CliError> {
    let public = SecretKey::from_seed(seed).public();
    let private = match passphrase {
        None => Encoding(seed).to_pkcs8_pem(LineEnding::LF),
        Some(passphrase) => Encoding(seed).to_pkcs8_encrypted_pem(passphrase, LineEnding::LF),
    };
    let private = private.map_err(KeyError::NotEncoded)?;
    let public_pem = encode_public(&public).map_err(KeyError::NotEncoded)?;
    let prefix = leftovers::prefix(&files.path, &public);
    let private_file = files.private.with_draft_prefix(prefix);
    write_all(&[
        (&files.public, public_pem.as_bytes()),
        (&private_file, private.as_bytes()),
    ])?;
    Ok(public)
}

/// A seed as PKCS #8, without the public key (RFC 8410): OpenSSL 3 reads no other form.
struct Encoding<'a>(&'a Seed);

impl EncodePrivateKey for Encoding<'_> {
    fn to_pkcs8_der(&self) -> pkcs8::Result<SecretDocument> {
        let inner = [SEED_HEAD.as_slice(), self.0.as_slice()].concat();
        let inner = Zeroizing::new(inner);
        let info = PrivateKeyInfoRef::new(ALGORITHM, OctetStringRef::new(&inner)?);
        Ok(SecretDocument::encode_msg(&info)?)
    }
}

fn encode_public(key: &PublicKey) -> pkcs8::Result<String> {
    let bytes = key.to_bytes();
    let info = spki::SubjectPublicKeyInfoRef {
        algorithm: ALGORITHM,
        subject_public_key: pkcs8::der::asn1::BitStringRef::from_bytes(&bytes)?,
    };
    let document = spki::Document::encode_msg(&info)?;
    Ok(document.to_pem(found::PUBLIC, LineEnding::LF)?)
}

pub(super) fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Reads a private key, asking for its passphrase if it has one.
pub(crate) fn read_secret(path: &Path, passphrase: &PassphraseArgs) -> Result<SecretKey, CliError> {
    let bytes = read_secret_bytes("key", path)?;
    let prompt = format!("Passphrase of {}: ", line(&path.display().to_string()));
    let key = private_key(&bytes, || passphrase.read(&prompt));
    key.map_err(|error| error.in_file(path))
}

fn private_key(
    file: &[u8],
    passphrase: impl FnOnce() -> Result<Zeroizing<String>, CliError>,
) -> Result<SecretKey, CliError> {
    let wanted = Wanted::Private;
    let (label, document) = pem(file, wanted)?;
    match label {
        found::PRIVATE => Ok(private_of_der(document.as_bytes())?),
        found::ENCRYPTED => {
            let der = document.as_bytes();
            let encrypted = EncryptedPrivateKeyInfoRef::try_from(der);
            let encrypted = encrypted.map_err(|_| KeyError::Encryption)?;
            let scheme = &encrypted.encryption_algorithm;
            if !matches!(scheme, pkcs5::EncryptionScheme::Pbes2(_)) {
                return Err(KeyError::Encryption.into());
            }
            let passphrase = passphrase()?;
            let mut buffer = Zeroizing::new(encrypted.encrypted_data.as_bytes().to_vec());
            let der = scheme.decrypt_in_place(passphrase.as_bytes(), &mut buffer);
            let der = der.map_err(|error| match error {
                pkcs5::Error::DecryptFailed => KeyError::Passphrase,
                _ => KeyError::Encryption,
            })?;
            match PrivateKeyInfoRef::try_from(der) {
                Ok(_) => Ok(private_of_der(der)?),
                // One passphrase in 256 leaves something that could have been padded.
                Err(_) => Err(KeyError::Passphrase.into()),
            }
        }
        _ => Err(other(file, wanted).into()),
    }
}

/// An Ed25519 key of PKCS #8.
fn private_of_der(der: &[u8]) -> Result<SecretKey, KeyError> {
    let wanted = Wanted::Private;
    let damaged = |found| KeyError::Damaged { wanted, found };
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| damaged("a private key"))?;
    let oid = info.algorithm.oid;
    let found = found::private_or_public(oid, true).unwrap_or("a key of another algorithm");
    if oid != found::ED25519 {
        return Err(KeyError::OtherKind { wanted, found });
    }
    let inner = info.private_key.as_bytes();
    let seed = inner.strip_prefix(&SEED_HEAD).unwrap_or_default();
    let seed: Result<&[u8; 32], _> = seed.try_into();
    let key = SecretKey::from_seed(seed.map_err(|_| damaged(found))?);
    match info.public_key {
        // Some programs write it beside: it would be trusted without a look.
        Some(stated) if stated.as_bytes() != Some(&key.public().to_bytes()) => {
            Err(KeyError::OtherHalf)
        }
        _ => Ok(key),
    }
}

/// Reads a public key. Somebody may name the private one: that is erased too.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey, CliError> {
    let bytes = read_secret_bytes("key", path)?;
    public_key(&bytes).map_err(|error| CliError::from(error).in_file(path))
}

pub(super) fn public_key(file: &[u8]) -> Result<PublicKey, KeyError> {
    let wanted = Wanted::Public;
    let (label, document) = pem(file, wanted)?;
    let info = match label {
        found::PUBLIC => spki::SubjectPublicKeyInfoRef::try_from(document.as_bytes()),
        _ => return Err(other(file, wanted)),
    };
    let found = "a public key";
    let info = info.map_err(|_| KeyError::Damaged { wanted, found })?;
    if info.algorithm.oid != found::ED25519 {
        return Err(other(file, wanted));
    }
    let bytes = info.subject_public_key.as_bytes().unwrap_or_default();
    match <&[u8; 32]>::try_from(bytes) {
        Ok(bytes) => PublicKey::from_bytes(bytes).map_err(|_| KeyError::Weak),
        Err(_) => Err(KeyError::Damaged { wanted, found }),
    }
}

/// The label and the content of a file that is PEM.
fn pem(file: &[u8], wanted: Wanted) -> Result<(&str, SecretDocument), KeyError> {
    let text = pocketune_base::text(file).map_err(|_| other(file, wanted))?;
    SecretDocument::from_pem(text.trim()).map_err(|_| other(file, wanted))
}

fn other(file: &[u8], wanted: Wanted) -> KeyError {
    let found = found(file);
    KeyError::OtherKind { wanted, found }
}
