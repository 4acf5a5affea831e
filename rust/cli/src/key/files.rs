//! Key files: PKCS #8 for private keys, encrypted by scrypt and AES-256 where there is
//! a passphrase; SPKI for public ones. Both PEM, as other tools read them.

use std::path::{Path, PathBuf};

use clap::Args;
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::KeypairBytes;
use pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    LineEnding,
};
use pocketune_adapter::{PublicKey, SecretKey};
use pocketune_base::Readers;

use crate::error::CliError;
use crate::files::read_text;
use crate::out_files::{OutFile, Places, write_all};

/// Where the passphrase of private keys comes from.
#[derive(Debug, Args)]
pub(crate) struct PassphraseArgs {
    /// File whose first line is the passphrase, `-` for standard input [default: asked for]
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The file, if one is named.
    pub(crate) fn input(&self) -> Option<&PathBuf> {
        self.passphrase_file.as_ref()
    }

    fn read(&self, prompt: &str) -> Result<String, CliError> {
        let text = match &self.passphrase_file {
            Some(path) => read_text("passphrase", path)?,
            None => rpassword::prompt_password(prompt)
                .map_err(|error| CliError::Key(format!("no passphrase: {error}")))?,
        };
        Ok(text.lines().next().unwrap_or_default().to_owned())
    }

    /// A passphrase for a new key: asked for twice, and not empty.
    pub(super) fn read_new(&self) -> Result<String, CliError> {
        let passphrase = self.read("Passphrase: ")?;
        if passphrase.is_empty() {
            return Err(CliError::Key("the passphrase is empty".to_owned()));
        }
        if self.passphrase_file.is_none() && self.read("Once more: ")? != passphrase {
            return Err(CliError::Key("the two differ".to_owned()));
        }
        Ok(passphrase)
    }
}

/// Where both halves of a key go. Neither replaces a file: it may be the only key of its
/// kind.
pub(super) struct KeyFiles {
    private: OutFile,
    public: OutFile,
}

impl KeyFiles {
    pub(super) fn check(path: &Path, passphrase: &PassphraseArgs) -> Result<Self, CliError> {
        let mut places = Places::beside(passphrase.input());
        let (private, public) = (Readers::Owner, Readers::Umask);
        Ok(Self {
            private: places.new_file("--out", path, private)?,
            public: places.new_file("the public key beside --out", &public_path(path), public)?,
        })
    }
}

/// Writes both halves of a key, or none.
pub(super) fn write(
    files: &KeyFiles,
    seed: &[u8; 32],
    passphrase: Option<&str>,
) -> Result<(), CliError> {
    let key = SigningKey::from_bytes(seed);
    // Without the public key (RFC 8410): OpenSSL 3 reads no other form.
    let private = KeypairBytes {
        secret_key: *seed,
        public_key: None,
    };
    let private = match passphrase {
        None => private.to_pkcs8_pem(LineEnding::LF),
        Some(passphrase) => private.to_pkcs8_encrypted_pem(passphrase, LineEnding::LF),
    };
    let private = private.map_err(|error| CliError::Key(error.to_string()))?;
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    let public = public.map_err(|error| CliError::Key(error.to_string()))?;
    write_all(&[
        (&files.private, private.as_bytes()),
        (&files.public, public.as_bytes()),
    ])
}

fn public_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

/// Reads a private key, asking for its passphrase if it has one.
pub(crate) fn read_secret(path: &Path, passphrase: &PassphraseArgs) -> Result<SecretKey, CliError> {
    let pem = read_text("key", path)?;
    let key = if pem.contains("ENCRYPTED PRIVATE KEY") {
        let passphrase = passphrase.read(&format!("Passphrase of {}: ", path.display()))?;
        SigningKey::from_pkcs8_encrypted_pem(&pem, passphrase)
    } else {
        SigningKey::from_pkcs8_pem(&pem)
    };
    let key = key.map_err(|_| {
        CliError::Key("no private key, or another passphrase".to_owned()).in_file(path)
    })?;
    Ok(SecretKey::from_seed(key.as_bytes()))
}

/// Reads a public key.
pub(crate) fn read_public(path: &Path) -> Result<PublicKey, CliError> {
    let pem = read_text("key", path)?;
    let key = ed25519_dalek::VerifyingKey::from_public_key_pem(&pem)
        .map_err(|_| CliError::Key("no public key".to_owned()).in_file(path))?;
    let key = PublicKey::from_bytes(key.as_bytes());
    key.map_err(|error| CliError::Key(error.to_string()).in_file(path))
}
