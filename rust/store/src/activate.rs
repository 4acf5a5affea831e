//! Which adapters change replies.

use std::collections::BTreeMap;

use pocketune_adapter::{Digest, Refusal, Timestamp, VerifiedAdapter};
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::begin;
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::history::{Action, Event};
use crate::{Situation, Store, install, policy, rows};

/// What is active, verified now.
#[derive(Debug, Clone, Default)]
pub struct Active {
    /// The adapters, in the order in which they were given; none where one of them was
    /// refused: part of a set is another one than somebody chose.
    pub adapters: Vec<ActiveAdapter>,
    /// Why the model answers as it is, though something is active.
    pub refused: Vec<RefusedAdapter>,
}

/// An adapter to compute under.
#[derive(Debug, Clone)]
pub struct ActiveAdapter {
    /// The adapter.
    pub adapter: VerifiedAdapter,
    /// Factor on its change: 1 for all of it.
    pub scale: f32,
}

/// An active adapter that no longer passes.
#[derive(Debug, Clone)]
pub struct RefusedAdapter {
    /// Its digest.
    pub sha256: Digest,
    /// Why.
    pub refusal: Refusal,
}

impl Store {
    /// Makes these installed adapters, with these scales, the active ones, in place of
    /// what was active. Verifies them first. None of them makes the model answer as it is.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::Refused`], [`StoreError::Scale`], and
    /// those of writing.
    pub fn activate(
        &self,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Vec<ActiveAdapter>, StoreError> {
        check_scales(wanted)?;
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let active = self.activate_in(&transaction, wanted, situation)?;
        transaction.commit()?;
        accepted(active)
    }

    /// The same in somebody's transaction, which is to be committed where one is refused too.
    /// What is active already stays the set that it is: going back leads to another one.
    pub(crate) fn activate_in(
        &self,
        transaction: &Connection,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Active, StoreError> {
        let active = self.verify_set(transaction, wanted, situation)?;
        let before = active_set(transaction)?;
        let unchanged = members(transaction, before)? == wanted;
        if !active.refused.is_empty() || unchanged {
            return Ok(active);
        }
        set_active(transaction, wanted, before, situation.now)?;
        let action = match active.adapters.is_empty() {
            true => Action::Deactivated,
            false => Action::Activated,
        };
        note(transaction, action, &active.adapters, situation.now)?;
        Ok(active)
    }

    /// The model answers as it is again. What was active stays installed.
    ///
    /// # Errors
    /// Those of writing.
    pub fn deactivate(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let before = active_set(&transaction)?;
        set_active(&transaction, &[], before, now)?;
        note(&transaction, Action::Deactivated, &[], now)?;
        transaction.commit()?;
        Ok(())
    }

    /// Goes back to what was active before, passing over what was removed since or no
    /// longer passes, to the model as it is at the end.
    ///
    /// # Errors
    /// [`StoreError::NothingBefore`], and those of writing.
    pub fn roll_back(&self, situation: &Situation<'_>) -> Result<Vec<ActiveAdapter>, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let mut set = active_set(&transaction)?.ok_or(StoreError::NothingBefore)?;
        let adapters = loop {
            let before = set_before(&transaction, set)?;
            let wanted = members(&transaction, before)?;
            let verified = self.verify_set(&transaction, &wanted, situation);
            match (before, verified) {
                (Some(before), Err(StoreError::NotInstalled { .. })) => set = before,
                (Some(before), Ok(active)) if !active.refused.is_empty() => set = before,
                (_, Err(error)) => return Err(error),
                (before, Ok(active)) => {
                    transaction.execute("UPDATE standing SET active_set = ?1", params![before])?;
                    break active.adapters;
                }
            }
        };
        note(&transaction, Action::RolledBack, &adapters, situation.now)?;
        transaction.commit()?;
        Ok(adapters)
    }

    /// What is active, verified again. Call it at each start, and when the policy has
    /// changed.
    ///
    /// # Errors
    /// [`StoreError::NoPolicy`] where something is active, [`StoreError::Damaged`], and
    /// those of the database. A refusal is no error: see [`Active::refused`].
    pub fn active(&self, situation: &Situation<'_>) -> Result<Active, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let wanted = members(&transaction, active_set(&transaction)?)?;
        let active = self.verify_set(&transaction, &wanted, situation)?;
        transaction.commit()?;
        Ok(active)
    }

    /// Installed adapters with these scales, verified now, whether they are active or not.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::Refused`], [`StoreError::Scale`], and
    /// those of writing, since a refusal is noted.
    pub fn verified(
        &self,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Vec<ActiveAdapter>, StoreError> {
        check_scales(wanted)?;
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let active = self.verify_set(&transaction, wanted, situation)?;
        transaction.commit()?;
        accepted(active)
    }

    /// Verifies installed adapters. What was accepted once is not older than itself, so
    /// high-water marks do not count here; revocations, limits and time do.
    fn verify_set(
        &self,
        connection: &Connection,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Active, StoreError> {
        let mut active = Active::default();
        for (sha256, scale) in wanted {
            let limit = policy::current(connection)?;
            let limit = limit.document().roles.release.limits.max_bytes;
            let delivery = Delivery {
                bundle: rows::bundle(connection, sha256)?.into(),
                adapter: self.blobs.read(sha256, limit)?,
            };
            let fits = delivery.adapter.len() as u64 <= limit;
            if fits && Digest::of(&delivery.adapter) != *sha256 {
                return Err(StoreError::Damaged {
                    what: "an adapter's bytes",
                });
            }
            match install::verify(connection, &delivery, situation, &BTreeMap::new())? {
                Ok(adapter) => active.adapters.push(ActiveAdapter {
                    adapter,
                    scale: *scale,
                }),
                Err(refusal) => {
                    Event::new(Action::Refused, situation.now)
                        .about(*sha256)
                        .refusal(&refusal)
                        .record_once(connection)?;
                    active.refused.push(RefusedAdapter {
                        sha256: *sha256,
                        refusal,
                    });
                }
            }
        }
        if !active.refused.is_empty() {
            active.adapters.clear();
        }
        Ok(active)
    }
}

fn check_scales(wanted: &[(Digest, f32)]) -> Result<(), StoreError> {
    match wanted.iter().find(|(_, scale)| !scale.is_finite()) {
        Some(&(_, scale)) => Err(StoreError::Scale { scale }),
        None => Ok(()),
    }
}

/// All of them, or why not.
pub(crate) fn accepted(set: Active) -> Result<Vec<ActiveAdapter>, StoreError> {
    match set.refused.into_iter().next() {
        Some(refused) => Err(refused.refusal.into()),
        None => Ok(set.adapters),
    }
}

/// The set that is active; `None` where nothing ever was.
pub(crate) fn active_set(connection: &Connection) -> Result<Option<i64>, StoreError> {
    let query = "SELECT active_set FROM standing";
    Ok(connection.query_row(query, [], |row| row.get(0))?)
}

fn set_before(connection: &Connection, set: i64) -> Result<Option<i64>, StoreError> {
    let found = connection
        .query_row(
            "SELECT before FROM active_sets WHERE id = ?1",
            params![set],
            |row| row.get(0),
        )
        .optional()?;
    found.ok_or(StoreError::Damaged {
        what: "the active set",
    })
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
        Ok((rows::digest(&sha256)?, scale as f32))
    })
    .collect()
}

fn set_active(
    connection: &Connection,
    wanted: &[(Digest, f32)],
    before: Option<i64>,
    now: Timestamp,
) -> Result<(), StoreError> {
    connection.execute(
        "INSERT INTO active_sets (before, activated_at) VALUES (?1, ?2)",
        params![before, now.unix_seconds()],
    )?;
    let set = connection.last_insert_rowid();
    for ((sha256, scale), position) in wanted.iter().zip(0_i64..) {
        connection.execute(
            "INSERT INTO active_members (set_id, position, sha256, scale) VALUES (?1, ?2, ?3, ?4)",
            params![set, position, sha256.to_string(), f64::from(*scale)],
        )?;
    }
    connection.execute("UPDATE standing SET active_set = ?1", params![set])?;
    Ok(())
}

/// One entry an adapter, or one of none.
fn note(
    connection: &Connection,
    action: Action,
    adapters: &[ActiveAdapter],
    now: Timestamp,
) -> Result<(), StoreError> {
    for active in adapters {
        Event::new(action, now)
            .about(active.adapter.sha256())
            .release(active.adapter.release(), active.adapter.signers())
            .detail(format!("scale {}", active.scale))
            .record(connection)?;
    }
    if adapters.is_empty() {
        let detail = "the model as it is";
        Event::new(action, now).detail(detail).record(connection)?;
    }
    Ok(())
}
