//! `adapter attest`: statements and their signatures.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use pocketune_adapter::{
    BaseModelRef, CandidateAdapter, Digest, ENVELOPE_BYTES_MAX, Envelope, Measurement, Name,
    Predicate, Release, Statement, Subject, SubjectKind, SuiteRef, TestResult, Validation,
};
use pocketune_core::BaseIdentity;
use pocketune_store::bundle_path;

use super::{identify, parse};
use crate::args::ModelArgs;
use crate::error::CliError;
use crate::files::{read_bytes, write_whole};
use crate::key::{PassphraseArgs, read_public, read_secret};
use crate::output::Output;
use crate::time;

#[derive(Debug, Args)]
pub(super) struct AttestArgs {
    #[command(subcommand)]
    statement: StatementArgs,
}

#[derive(Debug, Subcommand)]
enum StatementArgs {
    /// That this is given out, for whom and until when
    Release(Box<ReleaseArgs>),
    /// What suites found
    Validation(Box<ValidationArgs>),
}

#[derive(Debug, Args)]
struct ReleaseArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// What it is called
    #[arg(long, value_parser = name)]
    name: Name,
    /// Releases of one channel replace each other
    #[arg(long, value_parser = name)]
    channel: Name,
    /// Place in the channel's order
    #[arg(long, value_name = "N")]
    version: u64,
    /// Days until it expires
    #[arg(long, default_value_t = 365, value_name = "DAYS")]
    days: u32,
    /// What changes for who uses it
    #[arg(long, value_name = "TEXT")]
    changelog: String,
    /// What training made likelier [default: what the file says]
    #[arg(long, value_name = "TEXT")]
    objective: Option<String>,
    /// What it was made from [default: what the file says]
    #[arg(long, value_name = "TEXT")]
    data: Option<String>,
}

#[derive(Debug, Args)]
struct ValidationArgs {
    #[command(flatten)]
    subject: SubjectArgs,
    /// All in all
    #[arg(long, value_enum)]
    result: ResultKind,
    /// A suite that was run; may be repeated
    #[arg(long, value_name = "NAME=FILE")]
    suite: Vec<String>,
    /// What was measured on a suite, such as facts:accuracy=0.91; may be repeated
    #[arg(long, value_name = "NAME:METRIC=VALUE")]
    measured: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ResultKind {
    Passed,
    Warned,
    Failed,
}

/// What a statement is about, and how it is signed.
#[derive(Debug, Args)]
struct SubjectArgs {
    /// The adapter
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
    let base = identify(&subject.model)?;
    let adapter = parse(&subject.file, &base)?;
    let predicate = match &args.statement {
        StatementArgs::Release(args) => Predicate::Release(Box::new(args.release(&base, &adapter))),
        StatementArgs::Validation(args) => Predicate::Validation(Box::new(args.validation(&base)?)),
    };
    subject.attest(&adapter, predicate, output)?;
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
        let mut envelope =
            envelope.map_err(|error| CliError::Key(format!("no statement: {error}")))?;
        let signature = read_bytes("signature", signature, 64)?;
        if !envelope.add_signature(&read_public(public)?, &signature) {
            let reason = "the signature is not this key's for this statement";
            return Err(CliError::Key(reason.to_owned()));
        }
        append(&bundle_path(&self.file), &envelope)?;
        Ok(true)
    }

    /// Signs a statement about the adapter, or writes what is to be signed elsewhere.
    fn attest(
        &self,
        adapter: &CandidateAdapter,
        predicate: Predicate,
        output: &Output,
    ) -> Result<(), CliError> {
        let file_name = self.file.file_name().unwrap_or_default();
        let subject = Subject {
            name: file_name.to_string_lossy().into_owned(),
            sha256: Digest::of(adapter.bytes()),
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

impl ReleaseArgs {
    fn release(&self, base: &BaseIdentity, adapter: &CandidateAdapter) -> Release {
        let facts = adapter.unverified_facts();
        let said = |given: &Option<String>, fact: &str| {
            let fact = || facts.get(fact).cloned().unwrap_or_default();
            given.clone().unwrap_or_else(fact)
        };
        let now = pocketune_core::now();
        Release {
            kind: SubjectKind::Adapter,
            name: self.name.clone(),
            channel: self.channel.clone(),
            version: self.version,
            created: now,
            expires: time::days_after(now, self.days),
            size_bytes: adapter.bytes().len() as u64,
            base_models: vec![BaseModelRef {
                name: base.shapes.architecture().to_owned(),
                sha256: base.sha256,
                tokenizer_sha256: base.tokenizer_sha256,
            }],
            lora: Some(adapter.lora_facts()),
            objective: said(&self.objective, "objective"),
            data_summary: match &self.data {
                Some(data) => data.clone(),
                None => format!("{} samples", said(&None, "samples")),
            },
            changelog: self.changelog.clone(),
            device: None,
        }
    }
}

impl ValidationArgs {
    fn validation(&self, base: &BaseIdentity) -> Result<Validation, CliError> {
        let suites = self.suite.iter().map(|suite| {
            let form = CliError::Usage("--suite takes NAME=FILE");
            let (name, file) = suite.split_once('=').ok_or(form)?;
            let bytes = read_bytes("suite", Path::new(file), 1 << 28)?;
            Ok(SuiteRef {
                name: name.to_owned(),
                sha256: Digest::of(&bytes),
            })
        });
        let configuration = suites.collect::<Result<Vec<_>, CliError>>()?;
        let measured = self.measured.iter().map(|text| {
            let form = || CliError::Usage("--measured takes NAME:METRIC=VALUE of a --suite");
            let (subject, value) = text.rsplit_once('=').ok_or_else(form)?;
            let (suite, metric) = subject.split_once(':').ok_or_else(form)?;
            let suite = configuration.iter().find(|known| known.name == suite);
            Ok(Measurement {
                suite_sha256: suite.ok_or_else(form)?.sha256,
                metric: metric.to_owned(),
                value: value.parse().map_err(|_| form())?,
                baseline: None,
                threshold: None,
            })
        });
        let measurements = measured.collect::<Result<Vec<_>, CliError>>()?;
        let names: Vec<String> = configuration
            .iter()
            .map(|suite| suite.name.clone())
            .collect();
        let [mut passed, mut warned, mut failed] = [const { Vec::new() }; 3];
        let result = match self.result {
            ResultKind::Passed => {
                passed = names;
                TestResult::Passed
            }
            ResultKind::Warned => {
                warned = names;
                TestResult::Warned
            }
            ResultKind::Failed => {
                failed = names;
                TestResult::Failed
            }
        };
        Ok(Validation {
            result,
            configuration,
            base_model_sha256: base.sha256,
            created: pocketune_core::now(),
            passed_tests: passed,
            warned_tests: warned,
            failed_tests: failed,
            measurements,
        })
    }
}

fn name(text: &str) -> Result<Name, String> {
    Name::try_from(text).map_err(|error| error.to_string())
}
