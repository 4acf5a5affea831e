//! What is said about adapters.

use pocketune_core as core;
use pocketune_core::{ActiveAdapter, AppliedAdapter, Digest, VerifiedAdapter};

use crate::error::PocketuneError;
use crate::refusal::AdapterRefusal;

/// An adapter with the scale of its change.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct AdapterChoice {
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    /// Factor on its change, 0 to 1: 1 for all of it.
    #[uniffi(default = 1.0)]
    pub scale: f32,
}

/// An installed adapter.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct InstalledAdapter {
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    /// Its name.
    pub name: String,
    /// Releases of one channel replace each other.
    pub channel: String,
    /// Place in the channel's order.
    pub version: u64,
    /// Length of its file.
    pub size_bytes: u64,
    /// Whether this device made it.
    pub made_here: bool,
    /// When it was installed, in seconds since 1970.
    pub installed_at_s: i64,
}

/// An accepted adapter, for whoever decides about it.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct AdapterSummary {
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    /// Its name.
    pub name: String,
    /// Releases of one channel replace each other.
    pub channel: String,
    /// Place in the channel's order.
    pub version: u64,
    /// Length of its file.
    pub size_bytes: u64,
    /// What changes, in plain words.
    pub changelog: String,
    /// What training made likelier.
    pub objective: String,
    /// What it was made from.
    pub data_summary: String,
    /// When it was made, in seconds since 1970.
    pub created_at_s: i64,
    /// From when on it no longer counts, in seconds since 1970.
    pub expires_at_s: i64,
    /// Names of the keys that released it.
    pub signers: Vec<String>,
    /// Names of the keys that vouch for its validation.
    pub validators: Vec<String>,
    /// What validation measured.
    pub measurements: Vec<AdapterMeasurement>,
    /// Whether this device made it.
    pub made_here: bool,
    /// The newest one of its channel that is installed.
    pub replaces: Option<InstalledAdapter>,
}

/// One figure of a validation.
#[derive(Debug, Clone, PartialEq, uniffi::Record)]
pub struct AdapterMeasurement {
    /// The suite's name, as the validator calls it.
    pub suite: String,
    /// What was measured.
    pub metric: String,
    /// With the adapter.
    pub value: f64,
    /// Without it.
    pub baseline: Option<f64>,
}

/// The verifier's word on a delivery.
#[derive(Debug, Clone, PartialEq, uniffi::Enum)]
#[allow(
    clippy::large_enum_variant,
    reason = "made once a delivery, and taken apart at once"
)]
pub enum AdapterVerdict {
    /// It passes.
    Accepted {
        /// What it is.
        adapter: AdapterSummary,
    },
    /// It does not.
    Refused {
        /// Why.
        refusal: AdapterRefusal,
    },
}

/// An active adapter that no longer passes.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct RefusedAdapter {
    /// Its digest, in hexadecimal digits.
    pub sha256: String,
    /// Why.
    pub refusal: AdapterRefusal,
}

/// What was done, or not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum HistoryAction {
    /// A policy came with the app.
    PolicyPinned,
    /// The policy's own signers replaced it.
    PolicyRotated,
    /// An adapter was installed.
    Installed,
    /// A reward head, a suite or an experiment was accepted.
    Accepted,
    /// An adapter, or what else was delivered, was not accepted.
    Refused,
    /// Adapters became active.
    Activated,
    /// The model answers as it is again.
    Deactivated,
    /// What was active before is active again.
    RolledBack,
    /// An adapter was removed.
    Removed,
    /// A clock behind the latest time seen was declared right.
    ClockTrusted,
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct HistoryEntry {
    /// When, by the device's clock, in seconds since 1970.
    pub at_s: i64,
    /// What.
    pub action: HistoryAction,
    /// Which adapter, in hexadecimal digits.
    pub sha256: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Its channel.
    pub channel: Option<String>,
    /// Its version.
    pub version: Option<u64>,
    /// Names of the keys that had signed it.
    pub signers: Vec<String>,
    /// Why not, as a stable name in snake case.
    pub reason: Option<String>,
    /// More, in words.
    pub detail: String,
}

impl AdapterChoice {
    pub(crate) fn parse(&self) -> Result<(Digest, f32), PocketuneError> {
        let sha256 = Digest::from_hex(&self.sha256);
        let reason = "is not 64 hexadecimal digits in lower case";
        let sha256 = sha256.ok_or_else(|| PocketuneError::argument("sha256", reason))?;
        Ok((sha256, self.scale))
    }
}

impl From<AppliedAdapter> for AdapterChoice {
    fn from(applied: AppliedAdapter) -> Self {
        Self {
            sha256: applied.sha256.to_string(),
            scale: applied.scale,
        }
    }
}

impl From<&ActiveAdapter> for AdapterChoice {
    fn from(active: &ActiveAdapter) -> Self {
        Self {
            sha256: active.adapter.sha256().to_string(),
            scale: active.scale,
        }
    }
}

impl AdapterSummary {
    pub(crate) fn new(
        adapter: &VerifiedAdapter,
        replaces: Option<&core::InstalledAdapter>,
    ) -> Self {
        let (release, validation) = (adapter.release(), adapter.validation());
        let measurements = validation.measurements.iter().map(|one| {
            let mut suites = validation.configuration.iter();
            let suite = suites.find(|suite| suite.sha256 == one.suite_sha256);
            AdapterMeasurement {
                suite: suite.map_or_else(String::new, |suite| suite.name.clone()),
                metric: one.metric.clone(),
                value: one.value,
                baseline: one.baseline,
            }
        });
        Self {
            sha256: adapter.sha256().to_string(),
            name: release.name.to_string(),
            channel: release.channel.to_string(),
            version: release.version,
            size_bytes: release.size_bytes,
            changelog: release.changelog.clone(),
            objective: release.objective.clone(),
            data_summary: release.data_summary.clone(),
            created_at_s: release.created.unix_seconds(),
            expires_at_s: release.expires.unix_seconds(),
            signers: adapter.signers().iter().map(ToString::to_string).collect(),
            validators: adapter
                .validators()
                .iter()
                .map(ToString::to_string)
                .collect(),
            measurements: measurements.collect(),
            made_here: adapter.made_here(),
            replaces: replaces.map(Into::into),
        }
    }
}

impl From<&core::InstalledAdapter> for InstalledAdapter {
    fn from(adapter: &core::InstalledAdapter) -> Self {
        Self {
            sha256: adapter.sha256.to_string(),
            name: adapter.name.to_string(),
            channel: adapter.channel.to_string(),
            version: adapter.version,
            size_bytes: adapter.size_bytes,
            made_here: adapter.made_here,
            installed_at_s: adapter.installed_at.unix_seconds(),
        }
    }
}

impl From<&core::RefusedAdapter> for RefusedAdapter {
    fn from(refused: &core::RefusedAdapter) -> Self {
        Self {
            sha256: refused.sha256.to_string(),
            refusal: (&refused.refusal).into(),
        }
    }
}

impl From<&core::HistoryEntry> for HistoryEntry {
    fn from(entry: &core::HistoryEntry) -> Self {
        Self {
            at_s: entry.at.unix_seconds(),
            action: entry.action.into(),
            sha256: entry.sha256.map(|sha256| sha256.to_string()),
            name: entry.name.as_ref().map(ToString::to_string),
            channel: entry.channel.as_ref().map(ToString::to_string),
            version: entry.version,
            signers: entry.signers.iter().map(ToString::to_string).collect(),
            reason: entry.reason.clone(),
            detail: entry.detail.clone(),
        }
    }
}

impl From<core::Action> for HistoryAction {
    fn from(action: core::Action) -> Self {
        use core::Action;
        match action {
            Action::PolicyPinned => Self::PolicyPinned,
            Action::PolicyRotated => Self::PolicyRotated,
            Action::Installed => Self::Installed,
            Action::Accepted => Self::Accepted,
            Action::Refused => Self::Refused,
            Action::Activated => Self::Activated,
            Action::Deactivated => Self::Deactivated,
            Action::RolledBack => Self::RolledBack,
            Action::Removed => Self::Removed,
            Action::ClockTrusted => Self::ClockTrusted,
        }
    }
}
