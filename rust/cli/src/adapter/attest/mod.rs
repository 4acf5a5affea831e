//! `adapter attest`: statements and their signatures.

mod halt;
mod release;
mod texts;
mod validation;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_adapter::{
    BUNDLE_BYTES_MAX, Bundle, BundleTooLarge, Digest, ENVELOPE_BYTES_MAX, Envelope, Predicate,
    Statement, Subject,
};
use pocketune_store::bundle_path;
use serde_json::{Value, json};

use super::subject::ReleaseSubject;
use super::{identify, parse};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{Named, model_path, read_bytes};
use crate::key::{PassphraseArgs, read_public, read_secret};
use crate::out_files::{OutFile, Places, write, write_all};
use crate::output::Output;
use halt::HaltArgs;
use release::ReleaseArgs;
pub(crate) use texts::{UnsignableText, one_line as signable_line};
use validation::ValidationArgs;

const EXAMPLES: &str = "\
Examples:
  pocketune adapter attest release brief.gguf --name brief --channel stable --version 3 \\
      --changelog 'Answers are shorter.' --sign release.pem
  pocketune adapter attest release facts.jsonl --kind suite --name facts --channel suites \\
      --version 1 --changelog 'First.' --sign release.pem
  pocketune adapter attest release head.gguf --kind reward-head --name taste --channel heads \\
      --version 1 --changelog 'First.' --sign release.pem
  pocketune adapter attest validation brief.gguf --evaluation evaluation.json --sign validation.pem
  pocketune adapter attest validation brief.gguf --result passed --suite facts=facts.jsonl \\
      --measured facts:accuracy=0.91 --sign validation.pem
  pocketune adapter attest release brief.gguf --name brief --channel stable --version 4 \\
      --changelog 'Shorter still.' --sign release.pem --stage 1 \\
      --stage 10@2026-12-03T00:00:00Z --stage 100@2026-12-10T00:00:00Z
  pocketune adapter attest halt brief.gguf --reason 'Too short.' --sign release.pem

In a staged rollout each device draws a private random number that decides its stage. A halt
stops further installations; devices that already have the file keep it until `policy rotate
--revoke-digest` revokes it.

A release names the SHA-256 of the file's bytes. (An experiment's summaries carry a different
digest, that of the definition's content.) A suite or an experiment is released for all models,
or with --model for that one only; a base model needs no --model.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AttestArgs {
    #[command(subcommand)]
    statement: StatementArgs,
}

#[derive(Debug, Subcommand)]
enum StatementArgs {
    /// Sign a release: channel, version and expiry of a file
    Release(Box<ReleaseArgs>),
    /// Sign the validation results of an adapter
    Validation(Box<ValidationArgs>),
    /// Sign a halt: stop the rollout of a file to further devices
    Halt(Box<HaltArgs>),
}

/// What a statement is about, and how it is signed.
#[derive(Debug, Args)]
struct SubjectArgs {
    /// File that the statement is about: an adapter, or of the type given by --kind
    file: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Private key to sign with; repeatable
    #[arg(long, value_name = "FILE")]
    sign: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Write the bytes to sign on another machine (DSSE pre-authentication encoding), and stop
    #[arg(long, value_name = "FILE", conflicts_with = "sign")]
    payload_out: Option<PathBuf>,
    /// Statement that --payload-out wrote beside the payload
    #[arg(long, value_name = "FILE", requires = "signature_in")]
    statement_in: Option<PathBuf>,
    /// Ed25519 signature (64 bytes) of the payload, made on another machine
    #[arg(long, value_name = "FILE", requires_all = ["statement_in", "public"])]
    signature_in: Option<PathBuf>,
    /// Public key of that signature
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

pub(super) fn run(args: &AttestArgs, output: &Output) -> Result<ExitCode, CliError> {
    let (subject, more) = match &args.statement {
        StatementArgs::Release(args) => (&args.subject, Vec::new()),
        StatementArgs::Validation(args) => (&args.subject, args.inputs().collect()),
        StatementArgs::Halt(args) => (&args.subject, Vec::new()),
    };
    let files = subject.files(&more)?;
    let envelope = match subject.signed_elsewhere()? {
        Some(envelope) => envelope,
        None => {
            let (sha256, predicate) = args.statement.about(subject)?;
            subject.signed(sha256, predicate)?
        }
    };
    files.write(&envelope)?;
    if let Files::Payload { .. } = &files {
        output.note("sign it, then: --statement-in … --signature-in … --public …");
    }
    if output.json {
        output.json(&report(&files, &envelope)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

impl StatementArgs {
    /// The digest of the file, and what is said of it.
    fn about(&self, subject: &SubjectArgs) -> Result<(Digest, Predicate), CliError> {
        match self {
            Self::Release(args) => {
                let released = ReleaseSubject::read(args.kind, &subject.file, &subject.model)?;
                let sha256 = released.sha256;
                Ok((
                    sha256,
                    Predicate::Release(Box::new(args.release(released)?)),
                ))
            }
            Self::Validation(args) => {
                let base = identify(&subject.model)?;
                let sha256 = Digest::of(parse(&subject.file, &base)?.bytes());
                let validation = args.validation(&base, &sha256)?;
                Ok((sha256, Predicate::Validation(Box::new(validation))))
            }
            Self::Halt(args) => {
                let released = ReleaseSubject::read(args.kind, &subject.file, &subject.model)?;
                Ok((released.sha256, Predicate::Halt(Box::new(args.halt()))))
            }
        }
    }
}

impl SubjectArgs {
    /// Where everything goes, known to be possible before anybody types a passphrase.
    fn files(&self, more: &[PathBuf]) -> Result<Files, CliError> {
        let elsewhere = self.statement_in.iter().chain(&self.signature_in);
        let keys = self.sign.iter().chain(self.passphrase.input());
        let inputs = keys.chain(elsewhere).chain(&self.public).chain(more);
        let model = model_path(self.model.model.as_deref()).ok();
        let mut places = Places::beside(inputs.chain([&self.file]).chain(&model));
        let Some(path) = &self.payload_out else {
            if self.sign.is_empty() && self.signature_in.is_none() {
                return Err(CliError::usage("attest needs --sign or --payload-out"));
            }
            let path = bundle_path(&self.file);
            let file = places.file("the attestations beside the file", &path)?;
            return Ok(Files::Bundle { path, file });
        };
        let mut beside = path.as_os_str().to_owned();
        beside.push(".statement.json");
        let statement_path = PathBuf::from(beside);
        Ok(Files::Payload {
            payload: places.file("--payload-out", path)?,
            statement: places.file("the statement beside --payload-out", &statement_path)?,
            path: path.clone(),
            statement_path,
        })
    }

    /// A statement with a signature that was made elsewhere, if one is given.
    fn signed_elsewhere(&self) -> Result<Option<Envelope>, CliError> {
        let (Some(path), Some(signature), Some(public)) =
            (&self.statement_in, &self.signature_in, &self.public)
        else {
            return Ok(None);
        };
        let json = read_bytes("statement", path, ENVELOPE_BYTES_MAX as u64)?;
        let envelope = Envelope::parse(&json);
        let mut envelope = envelope
            .map_err(|error| CliError::Key(format!("no statement: {error}")).in_file(path))?;
        if let Ok(statement) = Statement::unverified(&envelope) {
            texts::check(&statement).map_err(|error| error.in_file(path))?;
        }
        let signature = read_bytes("signature", signature, 64)?;
        if !envelope.add_signature(&read_public(public)?, &signature) {
            let reason = "the signature is not this key's for this statement";
            return Err(CliError::Key(reason.to_owned()));
        }
        Ok(Some(envelope))
    }

    /// A statement about the file with a signature of each --sign.
    fn signed(&self, sha256: Digest, predicate: Predicate) -> Result<Envelope, CliError> {
        let file_name = self.file.file_name().unwrap_or_default();
        let subject = Subject {
            name: file_name.to_string_lossy().into_owned(),
            sha256,
        };
        let statement = Statement {
            subjects: vec![subject],
            predicate,
        };
        texts::check(&statement)?;
        let mut envelope = statement.envelope();
        for path in &self.sign {
            envelope.sign(&read_secret(path, &self.passphrase)?);
        }
        Ok(envelope)
    }
}

/// Where a statement goes: into the bundle beside the file, or to whoever signs it.
enum Files {
    Bundle {
        path: PathBuf,
        file: OutFile,
    },
    Payload {
        path: PathBuf,
        payload: OutFile,
        statement_path: PathBuf,
        statement: OutFile,
    },
}

impl Files {
    fn write(&self, envelope: &Envelope) -> Result<(), CliError> {
        let json = envelope.to_json();
        match self {
            Self::Bundle { path, file } => write(file, &one_more(path, &json)?),
            Self::Payload {
                payload, statement, ..
            } => write_all(&[
                (payload, &envelope.signed_bytes()),
                (statement, json.as_bytes()),
            ]),
        }
    }
}

/// The bundle with one more line. What is there stays as it is, byte by byte, whoever wrote it.
fn one_more(bundle: &Path, line: &str) -> Result<Vec<u8>, CliError> {
    let (what, limit_bytes) = ("bundle of attestations", BUNDLE_BYTES_MAX as u64);
    let mut bytes = match Path::exists(bundle) {
        true => read_bytes(what, bundle, limit_bytes)?,
        false => Vec::new(),
    };
    // A line that somebody cut off stays one of its own.
    if bytes.last().is_some_and(|&last| last != b'\n') {
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(line.as_bytes());
    bytes.push(b'\n');
    match Bundle::read(&bytes) {
        Ok(_) => Ok(bytes),
        // Nobody would read it.
        Err(BundleTooLarge) if bytes.len() as u64 > limit_bytes => {
            Err(Named::new(what, bundle).too_long(limit_bytes).into())
        }
        Err(too_large) => Err(CliError::from(too_large).in_file(bundle)),
    }
}

/// What was stated, and where it went, for programs.
fn report(files: &Files, envelope: &Envelope) -> Result<Value, CliError> {
    let statement = Statement::unverified(envelope);
    let statement = statement.map_err(|error| CliError::Key(format!("no statement: {error}")))?;
    let sha256 = statement.subjects.first().map(|subject| subject.sha256);
    let keys: Vec<&str> = envelope.unverified_key_ids().collect();
    Ok(match files {
        Files::Bundle { path, .. } => json!({
            "sha256": sha256, "signed_by": keys, "bundle": path.display().to_string(),
        }),
        Files::Payload {
            path,
            statement_path,
            ..
        } => json!({
            "sha256": sha256,
            "payload": path.display().to_string(),
            "statement": statement_path.display().to_string(),
        }),
    })
}
