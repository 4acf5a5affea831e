//! Norms of a base model's matrices, which take a while to make.

use pocketune_adapter::{BaseNorms, Digest};
use rusqlite::params;

use crate::database::begin;
use crate::error::StoreError;
use crate::folder::StoreFolder;

impl StoreFolder {
    /// The norms that were kept for the model with this digest.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn base_norms(&self, base: &Digest) -> Result<Option<BaseNorms>, StoreError> {
        let connection = self.connection();
        let mut statement = connection
            .prepare_cached("SELECT tensor, norm FROM base_norms WHERE base_sha256 = ?1")?;
        let rows = statement.query_map(params![base.to_string()], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        let norms = rows.collect::<Result<Vec<(String, f64)>, _>>()?;
        // From before weights were looked at: such norms are made again.
        let sound = !norms.is_empty() && norms.iter().all(|(_, norm)| norm.is_finite());
        Ok(sound.then(|| norms.into_iter().collect()))
    }

    /// Keeps norms for the next start.
    ///
    /// # Errors
    /// Those of writing.
    pub fn keep_base_norms(&self, base: &Digest, norms: &BaseNorms) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        for (tensor, norm) in norms.iter() {
            transaction.execute(
                "INSERT OR REPLACE INTO base_norms (base_sha256, tensor, norm) VALUES (?1, ?2, ?3)",
                params![base.to_string(), tensor, norm],
            )?;
        }
        transaction.commit()?;
        Ok(())
    }
}
