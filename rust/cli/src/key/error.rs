//! Why a file is not the key that it is to be.

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Private,
    Public,
}

/// Holds what was found in words, and no byte of any key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("{} is needed, this is {found}", needed(*.wanted))]
    OtherKind { wanted: Wanted, found: &'static str },
    #[error("{} is needed, this is {found} that is damaged", needed(*.wanted))]
    Damaged { wanted: Wanted, found: &'static str },
    #[error("the passphrase is another one, or the file is damaged")]
    Passphrase,
    #[error(
        "the private key is encrypted in a way that is not read here (`openssl pkcs8 -topk8` encrypts it anew), or the file is damaged"
    )]
    Encryption,
    #[error("its two halves do not belong together")]
    OtherHalf,
    #[error("the public key is one under which anybody could sign")]
    Weak,
    #[error("no passphrase: {0}")]
    NotAsked(std::io::Error),
    #[error("the passphrase is empty")]
    EmptyPassphrase,
    #[error("the two differ")]
    PassphrasesDiffer,
    #[error("no random numbers: {0}")]
    NoRandomness(getrandom::Error),
    #[error("it cannot be encoded: {0}")]
    NotEncoded(pkcs8::Error),
}

fn needed(wanted: Wanted) -> &'static str {
    match wanted {
        Wanted::Private => {
            "an Ed25519 private key (PKCS #8 in PEM, such as `pocketune key generate` makes)"
        }
        Wanted::Public => {
            "an Ed25519 public key (SPKI in PEM, such as FILE.pub of `pocketune key generate`)"
        }
    }
}
