//! `key`: Ed25519 keys in files.

mod files;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_adapter::SecretKey;
use serde_json::json;

use crate::error::CliError;
use crate::output::Output;
pub(crate) use files::{PassphraseArgs, read_public, read_secret};

const EXAMPLES: &str = "\
Examples:
  pocketune key generate --out release.pem
  pocketune key show release.pem.pub
  openssl pkey -in release.pem -text        (the files are PKCS #8 and SPKI in PEM)";

/// Make and show signing keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// A new key: FILE, readable by its owner alone, and FILE.pub for everybody
    Generate {
        /// Where the private key goes; nothing is overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        /// Leave the private key unencrypted
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
    },
    /// A public key's name
    Show {
        /// File of the public key
        file: PathBuf,
    },
}

pub(crate) fn run(args: &KeyArgs, output: &Output) -> Result<ExitCode, CliError> {
    let public = match &args.command {
        KeyCommand::Generate {
            out,
            passphrase,
            no_passphrase,
        } => {
            let written = files::KeyFiles::check(out, passphrase)?;
            let passphrase = match no_passphrase {
                true => None,
                false => Some(passphrase.read_new()?),
            };
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| CliError::Key(error.to_string()))?;
            files::write(&written, &seed, passphrase.as_deref())?;
            SecretKey::from_seed(&seed).public()
        }
        KeyCommand::Show { file } => read_public(file)?,
    };
    if output.json {
        output.json(&json!({ "keyid": public.id(), "public": public }))?;
    } else {
        output.rows(&[("key", public.id().to_string())])?;
    }
    Ok(ExitCode::SUCCESS)
}
