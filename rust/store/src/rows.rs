//! Rows and what they mean.

use std::collections::BTreeMap;

use pocketune_adapter::{Digest, HighWaterMark, KeyId, Name, Release, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::StoreError;

pub(crate) fn digest(text: &str) -> Result<Digest, StoreError> {
    Digest::from_hex(text).ok_or(StoreError::Damaged { what: "a digest" })
}

pub(crate) fn name(text: String) -> Result<Name, StoreError> {
    Name::try_from(text).map_err(|_| StoreError::Damaged { what: "a name" })
}

/// SQLite's integers have a sign; versions are far below its limit unless somebody
/// wants them to be.
pub(crate) fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(crate) fn is_installed(connection: &Connection, sha256: &Digest) -> Result<bool, StoreError> {
    let found = connection
        .query_row(
            "SELECT 1 FROM adapters WHERE sha256 = ?1",
            params![sha256.to_string()],
            |_| Ok(()),
        )
        .optional()?;
    Ok(found.is_some())
}

/// Keeps that a channel has come as far as this accepted release, and who says so.
pub(crate) fn raise_high_water(
    connection: &Connection,
    release: &Release,
    sha256: &Digest,
    signers: &[KeyId],
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO high_water (channel, version, sha256, signers) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (channel) DO UPDATE SET version = excluded.version,
         sha256 = excluded.sha256, signers = excluded.signers",
        params![
            release.channel.as_str(),
            signed(release.version),
            sha256.to_string(),
            key_ids(signers),
        ],
    )?;
    Ok(())
}

/// Forgets how far channels have come whose latest release this key signed, or of which
/// nobody knows who did.
pub(crate) fn drop_high_water(connection: &Connection, key: &KeyId) -> Result<(), StoreError> {
    connection.execute(
        "DELETE FROM high_water WHERE signers = '' OR instr(signers, ?1) > 0",
        params![key.to_string()],
    )?;
    Ok(())
}

/// Keys as one text. Their names are all of one length and hold no space.
pub(crate) fn key_ids(keys: &[KeyId]) -> String {
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    keys.join(" ")
}

pub(crate) fn high_water(
    connection: &Connection,
) -> Result<BTreeMap<Name, HighWaterMark>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT channel, version, sha256 FROM high_water")?;
    let rows = statement.query_map([], |row| {
        Ok((
            row.get::<_, String>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, String>(2)?,
        ))
    })?;
    rows.map(|row| {
        let (channel, version, sha256) = row?;
        let mark = HighWaterMark {
            version: version.cast_unsigned(),
            sha256: digest(&sha256)?,
        };
        Ok((name(channel)?, mark))
    })
    .collect()
}

/// An adapter that is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledAdapter {
    /// Digest of its bytes: what identifies it.
    pub sha256: Digest,
    /// Its name.
    pub name: Name,
    /// Its channel.
    pub channel: Name,
    /// Its version in the channel.
    pub version: u64,
    /// Length of its file.
    pub size_bytes: u64,
    /// Whether this device made it.
    pub made_here: bool,
    /// When it was installed.
    pub installed_at: Timestamp,
}

const INSTALLED: &str =
    "SELECT sha256, name, channel, version, size_bytes, made_here, installed_at FROM adapters";

pub(crate) fn installed(
    connection: &Connection,
    sha256: &Digest,
) -> Result<Option<InstalledAdapter>, StoreError> {
    let found = connection
        .query_row(
            &format!("{INSTALLED} WHERE sha256 = ?1"),
            params![sha256.to_string()],
            |row| Ok(adapter(row)),
        )
        .optional()?;
    found.transpose()
}

pub(crate) fn all_installed(connection: &Connection) -> Result<Vec<InstalledAdapter>, StoreError> {
    let mut statement =
        connection.prepare_cached(&format!("{INSTALLED} ORDER BY channel, version, sha256"))?;
    let rows = statement.query_map([], |row| Ok(adapter(row)))?;
    rows.map(|row| row?).collect()
}

fn adapter(row: &Row<'_>) -> Result<InstalledAdapter, StoreError> {
    Ok(InstalledAdapter {
        sha256: digest(&row.get::<_, String>(0)?)?,
        name: name(row.get(1)?)?,
        channel: name(row.get(2)?)?,
        version: row.get::<_, i64>(3)?.cast_unsigned(),
        size_bytes: row.get::<_, i64>(4)?.cast_unsigned(),
        made_here: row.get(5)?,
        installed_at: Timestamp::from_unix(row.get(6)?),
    })
}

pub(crate) fn bundle(connection: &Connection, sha256: &Digest) -> Result<Vec<u8>, StoreError> {
    connection
        .query_row(
            "SELECT bundle FROM adapters WHERE sha256 = ?1",
            params![sha256.to_string()],
            |row| row.get(0),
        )
        .optional()?
        .ok_or(StoreError::NotInstalled { sha256: *sha256 })
}

/// The set that is active; `None` where nothing ever was.
pub(crate) fn active_set(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let query = "SELECT active_set FROM standing";
    Ok(connection.query_row(query, [], |row| row.get(0))?)
}

/// Adapters of a set in their order; none of no set.
pub(crate) fn members(
    connection: &Connection,
    set: Option<i64>,
) -> Result<Vec<(Digest, f32)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT sha256, scale FROM active_members WHERE set_id = ?1 ORDER BY position",
    )?;
    let rows = statement.query_map(params![set], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, f64>(1)?))
    })?;
    rows.map(|row| {
        let (sha256, scale) = row?;
        Ok((digest(&sha256)?, scale as f32))
    })
    .collect()
}
