//! The random number of this installation: where it stands in a release's stages.

use pocketune_adapter::{Digest, InstallationId, Rollout};
use rusqlite::Connection;

use crate::error::StoreError;
use crate::rows;

/// Whether an adapter that is delivered is here already, or is to be installed here.
pub(crate) fn rollout(connection: &Connection, sha256: &Digest) -> Result<Rollout, StoreError> {
    match rows::is_installed(connection, sha256)? {
        true => Ok(Rollout::Kept),
        false => Ok(Rollout::Installs(id(connection)?)),
    }
}

/// Of this store; the same for as long as it lasts.
pub(crate) fn id(connection: &Connection) -> Result<InstallationId, StoreError> {
    let query = "SELECT id FROM installation";
    let bytes: Vec<u8> = connection.query_row(query, [], |row| row.get(0))?;
    let bytes = bytes.try_into().map_err(|_| StoreError::Damaged {
        what: "the installation's number",
    })?;
    Ok(InstallationId::from_bytes(bytes))
}
