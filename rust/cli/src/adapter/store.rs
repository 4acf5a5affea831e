//! The commands that use a store.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use pocketune_core::{ActiveAdapter, Digest, HistoryEntry, Store, now};
use serde_json::json;

use super::{identify, verify};
use crate::args::ModelArgs;
use crate::candidate::must_exist;
use crate::error::CliError;
use crate::files::Named;
use crate::output::{Output, line};
use crate::policy;

#[derive(Debug, Subcommand)]
pub(super) enum StoreCommand {
    /// Verify an adapter for installation without installing it
    Review(DeliveryArgs),
    /// Install an adapter; it is not active until `activate`
    Install(DeliveryArgs),
    /// List installed and active adapters
    List {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Activate adapters, replacing the active ones
    Activate {
        /// SHA-256 of each adapter, with its scale if that is not 1: SHA256[*SCALE]
        #[arg(required = true, value_parser = wanted)]
        adapters: Vec<(Digest, f32)>,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Deactivate all adapters
    Deactivate {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Restore the previously active adapters
    RollBack {
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Uninstall an adapter that is not active
    Remove {
        /// SHA-256 of the adapter
        #[arg(value_parser = policy::digest)]
        sha256: Digest,
        #[command(flatten)]
        store: StoreArgs,
    },
    /// Show the history of changes, latest first
    History {
        #[command(flatten)]
        store: StoreArgs,
        /// Maximum number of entries
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    /// Folder of the adapter store
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Args)]
pub(super) struct DeliveryArgs {
    /// Adapter file; its attestations are in FILE.intoto.jsonl
    file: PathBuf,
    /// Trust policy to pin if the store has none or an older one; it is pinned even if the
    /// adapter is refused
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Next trust policy, signed by the root keys of the pinned one
    #[arg(long, value_name = "FILE")]
    rotate: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArgs,
}

impl StoreArgs {
    fn open(&self) -> Result<Store, CliError> {
        must_exist(&self.store)?;
        self.open_or_make()
    }

    /// The model is looked at first: for one that is none, no store is made.
    fn open_or_make(&self) -> Result<Store, CliError> {
        let base = identify(&self.model)?;
        Ok(Store::open_for(&self.store, base, None)?)
    }

    /// For what no model has to be looked at.
    fn open_without_model(&self) -> Result<Store, CliError> {
        must_exist(&self.store)?;
        Ok(Store::open(&self.store)?)
    }
}

pub(super) fn run(command: &StoreCommand, output: &Output) -> Result<ExitCode, CliError> {
    match command {
        StoreCommand::Review(args) => args.deliver(false, output)?,
        StoreCommand::Install(args) => args.deliver(true, output)?,
        StoreCommand::List { store } => list(&store.open()?, output)?,
        StoreCommand::Activate { adapters, store } => {
            let active = store.open()?.adapters().activate(adapters, now())?;
            show_active(&active, output)?;
        }
        StoreCommand::Deactivate { store } => {
            store.open_without_model()?.adapters().deactivate(now())?;
            show_active(&[], output)?;
        }
        StoreCommand::RollBack { store } => {
            let active = store.open()?.adapters().roll_back(now())?;
            show_active(&active, output)?;
        }
        StoreCommand::Remove { sha256, store } => {
            let store = store.open_without_model()?;
            store.adapters().remove(sha256, now())?;
            if output.json {
                output.json(&json!({ "removed": sha256 }))?;
            }
        }
        StoreCommand::History { store, limit } => {
            let entries = store.open_without_model()?.adapters().history(*limit)?;
            show_history(&entries, output)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl DeliveryArgs {
    fn deliver(&self, install: bool, output: &Output) -> Result<(), CliError> {
        // All that is named has to be there before the store is made or changed.
        let envelope = |path: &Option<PathBuf>| {
            let envelope = path.as_deref().map(policy::read_envelope);
            envelope.transpose()
        };
        let (pinned, next) = (envelope(&self.policy)?, envelope(&self.rotate)?);
        if let Err(source) = std::fs::metadata(&self.file) {
            return Err(Named::new("adapter", &self.file).unreadable(source).into());
        }
        let store = match &self.policy {
            Some(path) => {
                policy::read(path)?;
                self.store.open_or_make()?
            }
            None => self.store.open()?,
        };
        if let Some(envelope) = &pinned {
            store.pin_policy(envelope, now())?;
        }
        if let Some(envelope) = &next {
            store.rotate_policy(envelope, now())?;
        }
        let (adapter, replaces) = if install {
            (store.adapters().install(&self.file, now())?, None)
        } else {
            let verified = store.adapters().verify(&self.file, now())?;
            (verified.adapter, verified.replaces)
        };
        if output.json {
            return Ok(output.json(&json!({
                "installed": install,
                "sha256": adapter.sha256(),
                "release": adapter.release(),
                "validation": adapter.validation(),
                "replaces": replaces.map(|replaced| replaced.sha256),
            }))?);
        }
        let mut rows = verify::rows(&adapter);
        if let Some(replaced) = replaces {
            rows.push(("replaces", format!("version {}", replaced.version)));
        }
        Ok(output.rows(&rows)?)
    }
}

fn list(store: &Store, output: &Output) -> Result<(), CliError> {
    let installed = store.adapters().installed()?;
    let active = store.adapters().active(now())?;
    let scale = |sha256: &Digest| {
        let mut adapters = active.adapters.iter();
        adapters
            .find(|active| active.adapter.sha256() == *sha256)
            .map(|active| active.scale)
    };
    if output.json {
        let installed = installed.iter().map(|adapter| {
            json!({
                "sha256": adapter.sha256,
                "name": adapter.name,
                "channel": adapter.channel,
                "version": adapter.version,
                "size_bytes": adapter.size_bytes,
                "made_here": adapter.made_here,
                "active_scale": scale(&adapter.sha256),
            })
        });
        let refused = active.refused.iter().map(|refused| {
            json!({
                "sha256": refused.sha256,
                "reason": refused.refusal.reason(),
                "detail": refused.refusal.to_string(),
            })
        });
        return Ok(output.json(&json!({
            "installed": installed.collect::<Vec<_>>(),
            "refused": refused.collect::<Vec<_>>(),
        }))?);
    }
    for adapter in &installed {
        let mark =
            scale(&adapter.sha256).map_or(String::new(), |scale| format!("  active, {scale}"));
        output.text(&format!(
            "{}  {} {} of {}{mark}\n",
            adapter.sha256, adapter.name, adapter.version, adapter.channel
        ))?;
    }
    for refused in &active.refused {
        output.text(&format!(
            "{}  no longer passes: {}\n",
            refused.sha256,
            line(&refused.refusal.to_string())
        ))?;
    }
    Ok(())
}

fn show_active(active: &[ActiveAdapter], output: &Output) -> Result<(), CliError> {
    if output.json {
        let active = active
            .iter()
            .map(|active| json!({ "sha256": active.adapter.sha256(), "scale": active.scale }));
        return Ok(output.json(&json!({ "active": active.collect::<Vec<_>>() }))?);
    }
    if active.is_empty() {
        return Ok(output.text("the model answers as it is\n")?);
    }
    for active in active {
        let release = active.adapter.release();
        output.text(&format!(
            "{} {} of {}, scale {}\n",
            release.name, release.version, release.channel, active.scale
        ))?;
    }
    Ok(())
}

fn show_history(entries: &[HistoryEntry], output: &Output) -> Result<(), CliError> {
    if output.json {
        let entries = entries.iter().map(|entry| {
            json!({
                "at": entry.at,
                "action": entry.action.name(),
                "sha256": entry.sha256,
                "name": entry.name,
                "channel": entry.channel,
                "version": entry.version,
                "signers": entry.signers,
                "reason": entry.reason,
                "detail": entry.detail,
            })
        });
        return Ok(output.json(&json!({ "history": entries.collect::<Vec<_>>() }))?);
    }
    for entry in entries {
        let release = match (&entry.name, entry.version, &entry.channel) {
            (Some(name), Some(version), Some(channel)) => format!(" {name} {version} of {channel}"),
            _ => String::new(),
        };
        let reason = entry
            .reason
            .as_ref()
            .map_or(String::new(), |reason| format!(" ({})", line(reason)));
        output.text(&format!(
            "{}  {}{release}{reason}: {}\n",
            entry.at,
            entry.action.name(),
            line(&entry.detail)
        ))?;
    }
    Ok(())
}

fn wanted(text: &str) -> Result<(Digest, f32), String> {
    let (sha256, scale) = text.split_once('*').unwrap_or((text, "1"));
    let scale = scale.parse().map_err(|_| "SHA256*SCALE".to_owned())?;
    Ok((policy::digest(sha256)?, scale))
}
