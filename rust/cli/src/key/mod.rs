//! `key`: Ed25519 keys in files.

mod error;
mod files;
mod found;
mod leftovers;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use files::Seed;

use crate::error::CliError;
use crate::output::Output;
pub(crate) use error::KeyError;
pub(crate) use files::{PassphraseArgs, read_public, read_secret};

const EXAMPLES: &str = "\
Examples:
  pocketune key generate --out release.pem
  pocketune key show release.pem.pub
  openssl pkey -in release.pem -text        (the files are PKCS #8 and SPKI in PEM)
  openssl pkey -in release.pem -pubout -out release.pem.pub    (recover a lost public key)";

/// Create and show Ed25519 signing keys
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct KeyArgs {
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Create a key pair: private key FILE, readable by its owner only, and public key FILE.pub
    Generate {
        /// File for the private key; existing files are never overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        #[command(flatten)]
        passphrase: PassphraseArgs,
        /// Do not encrypt the private key
        #[arg(long, conflicts_with = "passphrase_file")]
        no_passphrase: bool,
    },
    /// Show the key id of a public key
    Show {
        /// Public key file
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
            let mut seed = Seed::default();
            getrandom::fill(seed.as_mut_slice()).map_err(KeyError::NoRandomness)?;
            let passphrase = passphrase.as_ref().map(|it| it.as_str());
            files::write(written, &seed, passphrase)?
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
