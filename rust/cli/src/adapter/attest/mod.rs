//! `adapter attest`: statements and their signatures.

mod release;
mod validation;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_adapter::{Digest, ENVELOPE_BYTES_MAX, Envelope, Predicate, Statement, Subject};
use pocketune_store::bundle_path;

use super::thing::Thing;
use super::{identify, parse};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{read_bytes, write_whole};
use crate::key::{PassphraseArgs, read_public, read_secret};
use crate::output::Output;
use release::ReleaseArgs;
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

A release is about the SHA-256 of the file's bytes: of an experiment's definition too, whose
summaries carry another digest, that of its content. A suite, an experiment or a base model is
released for every model, a suite or an experiment with --model for that one alone.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct AttestArgs {
    #[command(subcommand)]
    statement: StatementArgs,
}

#[derive(Debug, Subcommand)]
enum StatementArgs {
    /// State that a file is released, in which channel and until when
    Release(Box<ReleaseArgs>),
    /// State what suites found about an adapter
    Validation(Box<ValidationArgs>),
}

/// What a statement is about, and how it is signed.
#[derive(Debug, Args)]
struct SubjectArgs {
    /// The file: an adapter, or what a release's --kind says
    file: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// Private key that signs; may be repeated
    #[arg(long, value_name = "FILE")]
    sign: Vec<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// Write what is to be signed elsewhere, and stop
    #[arg(long, value_name = "FILE", conflicts_with = "sign")]
    payload_out: Option<PathBuf>,
    /// The statement that --payload-out wrote beside its file
    #[arg(long, value_name = "FILE", requires = "signature_in")]
    statement_in: Option<PathBuf>,
    /// A signature of what --payload-out wrote: 64 bytes, made elsewhere
    #[arg(long, value_name = "FILE", requires_all = ["statement_in", "public"])]
    signature_in: Option<PathBuf>,
    /// The public key that it is of
    #[arg(long, value_name = "FILE")]
    public: Option<PathBuf>,
}

pub(super) fn run(args: &AttestArgs, output: &Output) -> Result<ExitCode, CliError> {
    let subject = match &args.statement {
        StatementArgs::Release(args) => &args.subject,
        StatementArgs::Validation(args) => &args.subject,
    };
    if subject.add_signature()? {
        return Ok(ExitCode::SUCCESS);
    }
    let (sha256, predicate) = match &args.statement {
        StatementArgs::Release(args) => {
            let thing = Thing::read(args.kind, &subject.file, &subject.model)?;
            (
                thing.sha256,
                Predicate::Release(Box::new(args.release(thing))),
            )
        }
        StatementArgs::Validation(args) => {
            let base = identify(&subject.model)?;
            let sha256 = Digest::of(parse(&subject.file, &base)?.bytes());
            let validation = args.validation(&base, &sha256)?;
            (sha256, Predicate::Validation(Box::new(validation)))
        }
    };
    subject.attest(sha256, predicate, output)?;
    Ok(ExitCode::SUCCESS)
}

impl SubjectArgs {
    /// Adds a signature that was made elsewhere, if one is given.
    fn add_signature(&self) -> Result<bool, CliError> {
        let (Some(statement), Some(signature), Some(public)) =
            (&self.statement_in, &self.signature_in, &self.public)
        else {
            return Ok(false);
        };
        let json = read_bytes("statement", statement, ENVELOPE_BYTES_MAX as u64)?;
        let envelope = Envelope::parse(&json);
        let mut envelope = envelope
            .map_err(|error| CliError::Key(format!("no statement: {error}")).in_file(statement))?;
        let signature = read_bytes("signature", signature, 64)?;
        if !envelope.add_signature(&read_public(public)?, &signature) {
            let reason = "the signature is not this key's for this statement";
            return Err(CliError::Key(reason.to_owned()));
        }
        append(&bundle_path(&self.file), &envelope)?;
        Ok(true)
    }

    /// Signs a statement about the file, or writes what is to be signed elsewhere.
    fn attest(
        &self,
        sha256: Digest,
        predicate: Predicate,
        output: &Output,
    ) -> Result<(), CliError> {
        let file_name = self.file.file_name().unwrap_or_default();
        let subject = Subject {
            name: file_name.to_string_lossy().into_owned(),
            sha256,
        };
        let statement = Statement {
            subjects: vec![subject],
            predicate,
        };
        let mut envelope = statement.envelope();
        if let Some(path) = &self.payload_out {
            write_whole(path, &envelope.signed_bytes())?;
            let mut beside = path.as_os_str().to_owned();
            beside.push(".statement.json");
            write_whole(Path::new(&beside), envelope.to_json().as_bytes())?;
            output.note("sign it, then: --statement-in … --signature-in … --public …");
            return Ok(());
        }
        if self.sign.is_empty() {
            return Err(CliError::Usage("attest needs --sign or --payload-out"));
        }
        for path in &self.sign {
            envelope.sign(&read_secret(path, &self.passphrase)?);
        }
        append(&bundle_path(&self.file), &envelope)
    }
}

/// One more line of the bundle.
fn append(bundle: &Path, envelope: &Envelope) -> Result<(), CliError> {
    let line = envelope.to_json() + "\n";
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(bundle)
        .map_err(CliError::NotWritten)?;
    file.write_all(line.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(CliError::NotWritten)
}
