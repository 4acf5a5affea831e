//! What a file holds instead of the key that is asked for, in words. Never a byte of it.

use pkcs8::{ObjectIdentifier, PrivateKeyInfoRef, SecretDocument, spki};

/// PEM labels: what a file of each is.
const LABELS: [(&str, &str); 24] = [
    (PRIVATE, "a private key of another algorithm"),
    (ENCRYPTED, "an encrypted private key"),
    (PUBLIC, "a public key of another algorithm"),
    ("RSA PRIVATE KEY", "an RSA private key (PKCS #1)"),
    ("RSA PUBLIC KEY", "an RSA public key (PKCS #1)"),
    ("EC PRIVATE KEY", "an elliptic-curve private key (SEC 1)"),
    ("DSA PRIVATE KEY", "a DSA private key"),
    ("OPENSSH PRIVATE KEY", "an OpenSSH private key"),
    ("SSH2 ENCRYPTED PRIVATE KEY", "an SSH private key"),
    ("SSH2 PUBLIC KEY", "an SSH public key"),
    ("SSH SIGNATURE", "an SSH signature"),
    ("CERTIFICATE", "a certificate"),
    ("X509 CERTIFICATE", "a certificate"),
    ("TRUSTED CERTIFICATE", "a certificate"),
    ("CERTIFICATE REQUEST", "a request for a certificate"),
    ("NEW CERTIFICATE REQUEST", "a request for a certificate"),
    ("X509 CRL", "a list of revoked certificates"),
    ("PKCS7", "a PKCS #7 message"),
    ("CMS", "a CMS message"),
    ("PGP PRIVATE KEY BLOCK", "an OpenPGP private key"),
    ("PGP PUBLIC KEY BLOCK", "an OpenPGP public key"),
    ("PGP SIGNATURE", "an OpenPGP signature"),
    ("ENCRYPTED SIGSTORE PRIVATE KEY", "a private key of cosign"),
    ("ENCRYPTED COSIGN PRIVATE KEY", "a private key of cosign"),
];

/// Labels of what comes before a key in one file, and is none.
const PARAMETERS: [&str; 3] = ["EC PARAMETERS", "DSA PARAMETERS", "DH PARAMETERS"];

pub(super) const PRIVATE: &str = "PRIVATE KEY";
pub(super) const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";
pub(super) const PUBLIC: &str = "PUBLIC KEY";

/// RFC 8410.
pub(super) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// Algorithms of PKCS #8 and SPKI: a private key of each, and a public one.
const ALGORITHMS: [(ObjectIdentifier, &str, &str); 12] = [
    (ED25519, "an Ed25519 private key", "an Ed25519 public key"),
    (
        oid("1.2.840.113549.1.1.1"),
        "an RSA private key",
        "an RSA public key",
    ),
    (
        oid("1.2.840.113549.1.1.10"),
        "an RSA-PSS private key",
        "an RSA-PSS public key",
    ),
    (
        oid("1.2.840.10045.2.1"),
        "an elliptic-curve private key (such as P-256)",
        "an elliptic-curve public key (such as P-256)",
    ),
    (
        oid("1.2.840.10040.4.1"),
        "a DSA private key",
        "a DSA public key",
    ),
    (
        oid("1.2.840.113549.1.3.1"),
        "a Diffie-Hellman private key",
        "a Diffie-Hellman public key",
    ),
    (
        oid("1.3.101.110"),
        "an X25519 private key",
        "an X25519 public key",
    ),
    (
        oid("1.3.101.111"),
        "an X448 private key",
        "an X448 public key",
    ),
    (
        oid("1.3.101.113"),
        "an Ed448 private key",
        "an Ed448 public key",
    ),
    (
        oid("2.16.840.1.101.3.4.3.17"),
        "an ML-DSA private key",
        "an ML-DSA public key",
    ),
    (
        oid("2.16.840.1.101.3.4.3.18"),
        "an ML-DSA private key",
        "an ML-DSA public key",
    ),
    (
        oid("2.16.840.1.101.3.4.3.19"),
        "an ML-DSA private key",
        "an ML-DSA public key",
    ),
];

const fn oid(dotted: &str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(dotted)
}

/// How a text begins that is no PEM: what it is.
const STARTS: [(&str, &str); 20] = [
    ("ssh-ed25519 ", "an OpenSSH public key"),
    ("ssh-rsa ", "an OpenSSH public key (RSA)"),
    ("ssh-dss ", "an OpenSSH public key (DSA)"),
    ("ecdsa-sha2-", "an OpenSSH public key (elliptic curve)"),
    ("sk-ssh-", "an OpenSSH public key on a security key"),
    ("sk-ecdsa-", "an OpenSSH public key on a security key"),
    ("PuTTY-User-Key-File-", "a private key of PuTTY"),
    ("AGE-SECRET-KEY-", "a secret key of age"),
    ("# created: ", "a secret key of age"),
    ("age1", "a public key of age"),
    (
        "untrusted comment: minisign public key",
        "a public key of minisign",
    ),
    (
        "untrusted comment: minisign encrypted",
        "a secret key of minisign",
    ),
    (
        "untrusted comment: minisign secret",
        "a secret key of minisign",
    ),
    (
        "untrusted comment: rsign encrypted",
        "a secret key of rsign",
    ),
    ("untrusted comment: rsign", "a key of rsign"),
    (
        "untrusted comment: signature from",
        "a signature of minisign or signify",
    ),
    ("untrusted comment: ", "a key of minisign or signify"),
    ("RW", "a key or signature of minisign or signify"),
    ("{", "a JSON document"),
    ("[", "a JSON document"),
];

/// What these bytes are, with an article.
pub(super) fn found(bytes: &[u8]) -> &'static str {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return binary(bytes);
    };
    let text = text.trim_start_matches(pocketune_base::BYTE_ORDER_MARK);
    let text = text.trim();
    if text.is_empty() {
        return "an empty file";
    }
    if text.contains('\0') {
        return binary(bytes);
    }
    if let Some(label) = label(text) {
        return of_label(label, text);
    }
    if text.contains("-----BEGIN") {
        return "PEM that is damaged or cut";
    }
    let of_start = STARTS.iter().find(|(start, _)| text.starts_with(start));
    if let Some((_, what)) = of_start {
        return what;
    }
    bare(text)
}

/// What stands between the first `BEGIN` of a key and its dashes.
fn label(text: &str) -> Option<&str> {
    let mut labels = text.lines().filter_map(|line| {
        let line = line.trim();
        let five = line.strip_prefix("-----BEGIN ");
        let five = five.and_then(|line| line.strip_suffix("-----"));
        // RFC 4716.
        let four = line.strip_prefix("---- BEGIN ");
        five.or(four.and_then(|line| line.strip_suffix(" ----")))
    });
    labels.find(|label| !PARAMETERS.contains(label)).or({
        let parameters = PARAMETERS.iter();
        parameters
            .copied()
            .find(|label| text.contains(&format!("-----BEGIN {label}-----")))
    })
}

fn of_label(label: &str, text: &str) -> &'static str {
    if PARAMETERS.contains(&label) {
        return "parameters of a key, without the key";
    }
    let known = LABELS.iter().find(|(known, _)| *known == label);
    let Some((label, what)) = known else {
        return "PEM of an unknown kind";
    };
    let is_ours = [PRIVATE, ENCRYPTED, PUBLIC].contains(label);
    match SecretDocument::from_pem(text) {
        Ok((_, document)) if is_ours => of_algorithm(label, document.as_bytes()).unwrap_or(what),
        Err(_) if is_ours => "PEM that is damaged or cut",
        _ => what,
    }
}

/// What PKCS #8 or SPKI of this label is, where its algorithm is known.
fn of_algorithm(label: &str, der: &[u8]) -> Option<&'static str> {
    let (is_private, found) = match label {
        PRIVATE => (true, PrivateKeyInfoRef::try_from(der).ok()?.algorithm.oid),
        PUBLIC => {
            let key = spki::SubjectPublicKeyInfoRef::try_from(der).ok()?;
            (false, key.algorithm.oid)
        }
        _ => return None,
    };
    private_or_public(found, is_private)
}

/// A key of this algorithm.
pub(super) fn private_or_public(oid: ObjectIdentifier, is_private: bool) -> Option<&'static str> {
    let mut known = ALGORITHMS.iter();
    let (_, private, public) = known.find(|(known, ..)| *known == oid)?;
    Some(if is_private { private } else { public })
}

fn binary(bytes: &[u8]) -> &'static str {
    match bytes {
        // A sequence with its length in the long or the short form.
        [0x30, 0x81..=0x84, ..] => "binary DER (a key, a certificate or PKCS #12), not PEM",
        [0x30, length, rest @ ..] if usize::from(*length) == rest.len() => {
            "binary DER (a key, a certificate or PKCS #12), not PEM"
        }
        [b'o', b'p', b'e', b'n', b's', b's', b'h', b'-', ..] => "binary data of OpenSSH",
        _ if bytes.len() == 32 => "32 bytes, perhaps a bare key",
        _ if bytes.len() == 64 => "64 bytes, perhaps a signature or a bare pair of keys",
        _ => "no text",
    }
}

fn bare(text: &str) -> &'static str {
    let all = |fits: fn(&u8) -> bool| text.bytes().all(|byte| fits(&byte));
    if all(u8::is_ascii_hexdigit) {
        return "bare hexadecimal digits, perhaps the name of a key";
    }
    if all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_\r\n".contains(byte)) {
        return "base64 without the lines of PEM around it, or another bare word";
    }
    "a text of another kind"
}
