//! `policy`: whom to believe.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_adapter::{
    DeviceRole, Digest, ENVELOPE_BYTES_MAX, Envelope, KeyDocument, KeyId, LAYER_WEIGHTS, Limits,
    POLICY_TYPE, PolicyDocument, ReleaseRole, Requirement, Revoked, Roles, Scheme, Signers,
    SuiteRef, Timestamp, TrustPolicy, ValidationRole,
};

use crate::adapter::signable_line;
use crate::error::CliError;
use crate::files::read_bytes;
use crate::key::{PassphraseArgs, read_public, read_secret};
use crate::out_files::{OutFile, Places, write};
use crate::output::Output;
use crate::time;

const EXAMPLES: &str = "\
Examples:
  pocketune policy new --name assistant --root root.pem.pub --release release.pem.pub \\
      --validation validation.pem.pub --sign root.pem --out policy.json
  pocketune policy new --name assistant --root root.pem.pub --release release.pem.pub \\
      --validation validation.pem.pub --require 'facts:5d41…:accuracy>=0.8' \\
      --sign root.pem --out policy.json
  pocketune policy show policy.json
  pocketune policy rotate policy.json --revoke-digest 5d41… --sign root.pem --out next.json
  pocketune policy rotate policy.json --add root=new.pem.pub --remove root=9f2c… \\
      --sign root.pem --sign new.pem --out next.json

A requirement names a suite by the SHA-256 of its file and a metric of `pocketune evaluate`:
accuracy, mean_margin, pass_rate or mean_score. Quote it, since shells treat > as redirection.

A rotation must be signed by the root keys of both the current and the next policy, each up to
its threshold. A trust policy lists the keys whose signatures an app accepts, by role.";

/// Create, show and rotate trust policies (which keys may sign what)
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Create the first policy
    New(Box<NewArgs>),
    /// Show a policy
    Show {
        /// Policy file
        file: PathBuf,
    },
    /// Create the next version of a policy
    Rotate(Box<RotateArgs>),
}

#[derive(Debug, Args)]
struct NewArgs {
    /// Name of the policy
    #[arg(long)]
    name: String,
    /// Root public key, which signs policies; repeatable
    #[arg(long, required = true, value_name = "FILE")]
    root: Vec<PathBuf>,
    /// Threshold of root signatures
    #[arg(long, default_value_t = 1, value_name = "N")]
    root_threshold: usize,
    /// Release public key; repeatable
    #[arg(long, required = true, value_name = "FILE")]
    release: Vec<PathBuf>,
    /// Threshold of release signatures
    #[arg(long, default_value_t = 1, value_name = "N")]
    release_threshold: usize,
    /// Validation public key; repeatable
    #[arg(long, required = true, value_name = "FILE")]
    validation: Vec<PathBuf>,
    /// Threshold of validation signatures
    #[arg(long, default_value_t = 1, value_name = "N")]
    validation_threshold: usize,
    /// Required validation result, such as 'facts:SHA256:accuracy>=0.8', in quotes;
    /// repeatable
    #[arg(long, value_name = "NAME:SHA256:METRIC>=VALUE", value_parser = requirement)]
    require: Vec<Requirement>,
    /// Maximum adapter size in MB (10⁶ bytes)
    #[arg(long, default_value_t = 64, value_name = "MB")]
    max_mb: u64,
    /// Maximum LoRA rank
    #[arg(long, default_value_t = 64, value_name = "R")]
    max_rank: u64,
    /// Maximum norm of a matrix's update, relative to the norm of the matrix
    #[arg(long, default_value_t = 0.5, value_name = "SHARE")]
    max_update_norm: f64,
    /// Let devices train adapters for themselves, within half of these limits
    #[arg(long)]
    devices: bool,
    /// Accept an adapter with a passed validation even if another validation failed; without
    /// this one failed validation is enough to refuse it
    #[arg(long)]
    ignore_failed: bool,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// Current policy file
    file: PathBuf,
    /// Add a public key to a role, such as release=new.pem.pub; repeatable
    #[arg(long, value_name = "ROLE=FILE")]
    add: Vec<String>,
    /// Remove a key from a role, such as release=KEYID; repeatable
    #[arg(long, value_name = "ROLE=KEYID")]
    remove: Vec<String>,
    /// Revoke a key: its signatures no longer count; repeatable
    #[arg(long, value_name = "KEYID", value_parser = key_id)]
    revoke_key: Vec<KeyId>,
    /// Revoke a file by its SHA-256: devices stop using it; repeatable
    #[arg(long, value_name = "SHA256", value_parser = digest)]
    revoke_digest: Vec<Digest>,
    /// Whether to accept an adapter with a passed validation even if another one failed
    /// [default: unchanged]
    #[arg(long, value_name = "true|false")]
    ignore_failed: Option<bool>,
    #[command(flatten)]
    signing: SigningArgs,
}

#[derive(Debug, Args)]
struct SigningArgs {
    /// Days until the policy expires
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    days: u32,
    /// Private key to sign with; repeatable
    #[arg(long, required = true, value_name = "FILE")]
    sign: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Output file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(crate) fn run(args: &PolicyArgs, output: &Output) -> Result<ExitCode, CliError> {
    let policy = match &args.command {
        PolicyCommand::New(new) => {
            let keys = new.root.iter().chain(&new.release).chain(&new.validation);
            let out = new.signing.out(keys)?;
            let envelope = new.signing.sign(&new.document()?)?;
            let policy = TrustPolicy::pinned(&envelope).map_err(CliError::Policy)?;
            write(&out, &envelope)?;
            policy
        }
        PolicyCommand::Rotate(rotate) => {
            let added = rotate.add.iter().filter_map(|it| it.split_once('='));
            let added: Vec<PathBuf> = added.map(|(_, file)| file.into()).collect();
            let out = rotate.signing.out(added.iter().chain([&rotate.file]))?;
            let policy = read(&rotate.file)?;
            let envelope = rotate.signing.sign(&rotate.document(&policy)?)?;
            let next = policy.rotate(&envelope).map_err(CliError::Policy)?;
            write(&out, &envelope)?;
            next
        }
        PolicyCommand::Show { file } => read(file)?,
    };
    show(&policy, output)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a policy that signed itself.
pub(crate) fn read(path: &Path) -> Result<TrustPolicy, CliError> {
    let policy = TrustPolicy::pinned(&read_envelope(path)?);
    policy.map_err(|error| CliError::Policy(error).in_file(path))
}

/// A policy's bytes, read and not believed.
pub(crate) fn read_envelope(path: &Path) -> Result<Vec<u8>, CliError> {
    Ok(read_bytes("policy", path, ENVELOPE_BYTES_MAX as u64)?)
}

fn show(policy: &TrustPolicy, output: &Output) -> Result<(), CliError> {
    let document = policy.document();
    if output.json {
        return Ok(output.json(document)?);
    }
    let roles = &document.roles;
    let signers = |keys: &[KeyId], threshold| {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        format!("{threshold} of {}", keys.join(", "))
    };
    let limits = &roles.release.limits;
    Ok(output.rows(&[
        ("policy", format!("{} {}", document.name, document.version)),
        ("expires", document.expires.to_string()),
        ("root", signers(&roles.root.keys, roles.root.threshold)),
        (
            "release",
            signers(&roles.release.keys, roles.release.threshold),
        ),
        (
            "validation",
            signers(&roles.validation.keys, roles.validation.threshold),
        ),
        ("requires", required(&roles.validation.requirements)),
        (
            "failed validation",
            match roles.validation.ignore_failed {
                true => "ignored where another one passed",
                false => "refuses what it is about",
            }
            .to_owned(),
        ),
        (
            "limits",
            format!(
                "{} bytes, rank {}, {} of a norm",
                limits.max_bytes, limits.max_rank, limits.max_update_norm
            ),
        ),
        (
            "devices",
            if roles.device.is_some() { "yes" } else { "no" }.to_owned(),
        ),
        (
            "revoked",
            format!(
                "{} keys, {} files",
                document.revoked.keys.len(),
                document.revoked.digests.len()
            ),
        ),
    ])?)
}

/// What has to have been measured, as --require takes it.
fn required(requirements: &[Requirement]) -> String {
    let each = requirements.iter().map(|it| {
        let SuiteRef { name, sha256 } = &it.suite;
        let least = it.at_least.map(|value| format!(">={value}"));
        let most = it.at_most.map(|value| format!("<={value}"));
        let bounds = [least, most].map(Option::unwrap_or_default).concat();
        format!("{name}:{sha256}:{}{bounds}", it.metric)
    });
    match requirements {
        [] => "no measurement".to_owned(),
        _ => each.collect::<Vec<_>>().join(", "),
    }
}

impl SigningArgs {
    /// Where the policy goes, known to be possible before anybody types a passphrase.
    fn out<'a>(&'a self, read: impl Iterator<Item = &'a PathBuf>) -> Result<OutFile, CliError> {
        let inputs = read.chain(&self.sign).chain(self.passphrase.input());
        Places::beside(inputs).file("--out", &self.out)
    }

    fn sign(&self, document: &PolicyDocument) -> Result<Vec<u8>, CliError> {
        let payload = serde_json::to_vec(document).unwrap_or_default();
        let mut envelope = Envelope::new(POLICY_TYPE, payload);
        for path in &self.sign {
            envelope.sign(&read_secret(path, &self.passphrase)?);
        }
        Ok(envelope.to_json().into_bytes())
    }

    fn expires(&self, now: Timestamp) -> Timestamp {
        time::days_after(now, self.days)
    }
}

impl NewArgs {
    fn document(&self) -> Result<PolicyDocument, CliError> {
        signable_line("the policy's name", &self.name)?;
        for Requirement { suite, metric, .. } in &self.require {
            signable_line("a required suite's name", &suite.name)?;
            signable_line("a required metric's name", metric)?;
        }
        let now = pocketune_core::now();
        let mut keys = BTreeMap::new();
        let mut role = |paths: &[PathBuf]| -> Result<Vec<KeyId>, CliError> {
            let listed = paths.iter().map(|path| {
                let public = read_public(path)?;
                let scheme = Scheme::Ed25519;
                keys.insert(public.id(), KeyDocument { scheme, public });
                Ok(public.id())
            });
            listed.collect()
        };
        let (root, release, validation) = (
            role(&self.root)?,
            role(&self.release)?,
            role(&self.validation)?,
        );
        let limits = |share: u32| Limits {
            max_bytes: self.max_mb.saturating_mul(1_000_000) / u64::from(share),
            max_rank: self.max_rank / u64::from(share),
            max_update_norm: self.max_update_norm / f64::from(share),
            targets: LAYER_WEIGHTS.map(str::to_owned).to_vec(),
        };
        Ok(PolicyDocument {
            format: PolicyDocument::FORMAT,
            name: self.name.clone(),
            version: 1,
            created: now,
            expires: self.signing.expires(now),
            keys,
            roles: Roles {
                root: Signers {
                    keys: root,
                    threshold: self.root_threshold,
                },
                release: ReleaseRole {
                    keys: release,
                    threshold: self.release_threshold,
                    limits: limits(1),
                },
                validation: ValidationRole {
                    keys: validation,
                    threshold: self.validation_threshold,
                    requirements: self.require.clone(),
                    ignore_failed: self.ignore_failed,
                },
                device: self.devices.then(|| DeviceRole { limits: limits(2) }),
            },
            revoked: Revoked::default(),
        })
    }
}

impl RotateArgs {
    fn document(&self, policy: &TrustPolicy) -> Result<PolicyDocument, CliError> {
        let now = pocketune_core::now();
        let mut document = policy.document().clone();
        document.version += 1;
        document.created = now;
        document.expires = self.signing.expires(now);
        for addition in &self.add {
            let (role, file) = split(addition)?;
            let public = read_public(Path::new(file))?;
            let scheme = Scheme::Ed25519;
            document
                .keys
                .insert(public.id(), KeyDocument { scheme, public });
            keys_of(&mut document.roles, role)?.push(public.id());
        }
        for removal in &self.remove {
            let (role, key) = split(removal)?;
            let key = key_id(key).map_err(|_| CliError::usage("--remove takes ROLE=KEYID"))?;
            keys_of(&mut document.roles, role)?.retain(|other| *other != key);
        }
        if let Some(ignore) = self.ignore_failed {
            document.roles.validation.ignore_failed = ignore;
        }
        document.revoked.keys.extend(&self.revoke_key);
        document.revoked.digests.extend(&self.revoke_digest);
        // Keys without a role are nobody's.
        let roles = document.roles.clone();
        document.keys.retain(|key, _| {
            let roles = [
                &roles.root.keys,
                &roles.release.keys,
                &roles.validation.keys,
            ];
            roles.iter().any(|keys| keys.contains(key))
        });
        Ok(document)
    }
}

fn keys_of<'r>(roles: &'r mut Roles, role: &str) -> Result<&'r mut Vec<KeyId>, CliError> {
    match role {
        "root" => Ok(&mut roles.root.keys),
        "release" => Ok(&mut roles.release.keys),
        "validation" => Ok(&mut roles.validation.keys),
        _ => Err(CliError::usage("roles are root, release and validation")),
    }
}

fn split(text: &str) -> Result<(&str, &str), CliError> {
    text.split_once('=')
        .ok_or(CliError::usage("--add and --remove take ROLE=…"))
}

pub(crate) fn digest(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| "64 hexadecimal digits in lower case".to_owned())
}

fn key_id(text: &str) -> Result<KeyId, String> {
    KeyId::from_hex(text).ok_or_else(|| "64 hexadecimal digits in lower case".to_owned())
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let form = || "NAME:SHA256:METRIC>=VALUE or <=VALUE".to_owned();
    let (subject, at_least, value) = match (text.split_once(">="), text.split_once("<=")) {
        (Some((subject, value)), _) => (subject, true, value),
        (None, Some((subject, value))) => (subject, false, value),
        (None, None) => return Err(form()),
    };
    let value: f64 = value.parse().map_err(|_| form())?;
    let mut parts = subject.splitn(3, ':');
    let (Some(name), Some(sha256), Some(metric)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(form());
    };
    Ok(Requirement {
        suite: SuiteRef {
            name: name.to_owned(),
            sha256: digest(sha256)?,
        },
        metric: metric.to_owned(),
        at_least: at_least.then_some(value),
        at_most: (!at_least).then_some(value),
    })
}
