//! What happened, for the user.

use pocketune_adapter::{Digest, KeyId, Name, Refusal, Release, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;
use crate::folder::StoreFolder;
use crate::rows;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What was done, or not done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $($(#[$doc])* $variant,)*
        }

        impl Action {
            /// A stable name for programs, in snake case.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

actions! {
    /// A first policy was pinned, or a newer one came with the app.
    PolicyPinned = "policy_pinned",
    /// The policy's own signers replaced it.
    PolicyRotated = "policy_rotated",
    /// An adapter was installed.
    Installed = "installed",
    /// A reward head, a suite or an experiment was accepted.
    Accepted = "accepted",
    /// An adapter, or what else was delivered, was not accepted.
    Refused = "refused",
    /// Adapters became active.
    Activated = "activated",
    /// The model answers as it is again.
    Deactivated = "deactivated",
    /// What was active before is active again.
    RolledBack = "rolled_back",
    /// An adapter was removed.
    Removed = "removed",
    /// A clock behind the latest time seen was declared right.
    ClockTrusted = "clock_trusted",
}

/// One line of the history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryEntry {
    /// When, by the device's clock.
    pub at: Timestamp,
    /// What.
    pub action: Action,
    /// Which adapter, where it was about one.
    pub sha256: Option<Digest>,
    /// Its name.
    pub name: Option<Name>,
    /// Its channel.
    pub channel: Option<Name>,
    /// Its version.
    pub version: Option<u64>,
    /// Who had signed it.
    pub signers: Vec<KeyId>,
    /// Why not, as [`Refusal::reason`] names it.
    pub reason: Option<String>,
    /// More, in words.
    pub detail: String,
}

/// An entry before it is written.
pub(crate) struct Event(HistoryEntry);

impl Event {
    pub(crate) fn new(action: Action, at: Timestamp) -> Self {
        Self(HistoryEntry {
            at,
            action,
            sha256: None,
            name: None,
            channel: None,
            version: None,
            signers: Vec::new(),
            reason: None,
            detail: String::new(),
        })
    }

    pub(crate) fn about(mut self, sha256: Digest) -> Self {
        self.0.sha256 = Some(sha256);
        self
    }

    pub(crate) fn release(mut self, release: &Release, signers: &[KeyId]) -> Self {
        self.0.name = Some(release.name.clone());
        self.0.channel = Some(release.channel.clone());
        self.0.version = Some(release.version);
        self.0.signers = signers.to_vec();
        self
    }

    pub(crate) fn refusal(mut self, refusal: &Refusal) -> Self {
        self.0.reason = Some(refusal.reason().to_owned());
        self.0.detail = refusal.to_string();
        self
    }

    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = detail.into();
        self
    }

    pub(crate) fn record(self, connection: &Connection) -> Result<(), StoreError> {
        let entry = self.0;
        connection.execute(
            "INSERT INTO history (at, action, sha256, name, channel, version, signers, reason, detail)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                entry.at.unix_seconds(),
                entry.action.name(),
                entry.sha256.map(|sha256| sha256.to_string()),
                entry.name.map(String::from),
                entry.channel.map(String::from),
                entry.version.map(rows::signed),
                rows::key_ids(&entry.signers),
                entry.reason,
                entry.detail,
            ],
        )?;
        Ok(())
    }

    /// Writes the entry unless the last one about the same adapter says the same: a
    /// refusal at every start is one line.
    pub(crate) fn record_once(self, connection: &Connection) -> Result<(), StoreError> {
        let last: Option<(String, Option<String>)> = connection
            .query_row(
                "SELECT action, reason FROM history WHERE sha256 IS ?1 ORDER BY id DESC LIMIT 1",
                params![self.0.sha256.map(|sha256| sha256.to_string())],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()?;
        let this = (self.0.action.name().to_owned(), self.0.reason.clone());
        if last.as_ref() == Some(&this) {
            return Ok(());
        }
        self.record(connection)
    }
}

impl StoreFolder {
    /// What happened in this store, the latest first, at most `limit` entries.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub fn history(&self, limit: u32) -> Result<Vec<HistoryEntry>, StoreError> {
        let connection = self.connection();
        let mut statement = connection.prepare_cached(
            "SELECT at, action, sha256, name, channel, version, signers, reason, detail
             FROM history ORDER BY id DESC LIMIT ?1",
        )?;
        let rows = statement.query_map(params![limit], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, Option<String>>(3)?,
                row.get::<_, Option<String>>(4)?,
                row.get::<_, Option<i64>>(5)?,
                row.get::<_, String>(6)?,
                row.get::<_, Option<String>>(7)?,
                row.get::<_, String>(8)?,
            ))
        })?;
        rows.map(|row| {
            let (at, action, sha256, name, channel, version, signers, reason, detail) = row?;
            Ok(HistoryEntry {
                at: Timestamp::from_unix(at),
                action: Action::from_name(&action).ok_or(StoreError::Damaged {
                    what: "an entry of the history",
                })?,
                sha256: sha256.as_deref().map(rows::digest).transpose()?,
                name: name.map(rows::name).transpose()?,
                channel: channel.map(rows::name).transpose()?,
                version: version.map(i64::cast_unsigned),
                signers: signers.split(' ').filter_map(KeyId::from_hex).collect(),
                reason,
                detail,
            })
        })
        .collect()
    }
}
