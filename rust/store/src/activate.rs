//! Which adapters change replies.

use std::collections::BTreeMap;

use pocketune_adapter::{
    Digest, Refusal, RefusedAdapter, Rollout, Timestamp, VerifiedAdapter, check_set,
};
use rusqlite::{Connection, OptionalExtension, params};

use crate::database::{begin, commit_notes};
use crate::delivery::Delivery;
use crate::error::StoreError;
use crate::folder::{Situation, StoreFolder};
use crate::history::{Action, Event};
use crate::{install, policy, rows};

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
    /// Factor on its change, 0 to 1: 1 for all of it.
    pub scale: f32,
}

impl StoreFolder {
    /// Makes these installed adapters, with these scales, the active ones, in place of
    /// what was active. Verifies them first, each by itself and all as a set: see
    /// [`check_set`]. None of them makes the model answer as it is.
    ///
    /// Any installed release may be chosen, alone or with others, also one that a newer one
    /// of its channel has superseded: it was accepted, and the user may go
    /// back to it. What must not be used any more is revoked by the policy.
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
        let before = rows::active_set(transaction)?;
        let unchanged = rows::members(transaction, before)? == wanted;
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
        let before = rows::active_set(&transaction)?;
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
        let mut set = rows::active_set(&transaction)?.ok_or(StoreError::NothingBefore)?;
        let adapters = loop {
            let before = set_before(&transaction, set)?;
            let wanted = rows::members(&transaction, before)?;
            let verified = self.verify_set(&transaction, &wanted, situation);
            let verified = verified.or_else(set_damaged);
            match (before, verified) {
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
    /// [`StoreError::NoPolicy`] where something is active, [`StoreError::Damaged`] where the
    /// database is, and those of the database. A refusal is no error: see
    /// [`Active::refused`], with [`Refusal::Damaged`] for adapters whose files are.
    pub fn active(&self, situation: &Situation<'_>) -> Result<Active, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let wanted = rows::members(&transaction, rows::active_set(&transaction)?)?;
        let active = self.verify_set(&transaction, &wanted, situation);
        let active = active.or_else(set_damaged)?;
        commit_notes(transaction);
        Ok(active)
    }

    /// Installed adapters with these scales, verified now, whether they are active or not.
    ///
    /// # Errors
    /// [`StoreError::NotInstalled`], [`StoreError::Refused`], [`StoreError::Scale`], and
    /// those of the database.
    pub fn verified(
        &self,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Vec<ActiveAdapter>, StoreError> {
        check_scales(wanted)?;
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        let active = self.verify_set(&transaction, wanted, situation)?;
        commit_notes(transaction);
        accepted(active)
    }

    /// Verifies installed adapters. What was accepted once is not older than itself, so
    /// high-water marks do not count here; revocations, limits and time do. What is damaged
    /// is refused like anything else: the model then answers as it is.
    fn verify_set(
        &self,
        connection: &Connection,
        wanted: &[(Digest, f32)],
        situation: &Situation<'_>,
    ) -> Result<Active, StoreError> {
        let mut active = Active::default();
        for &(sha256, scale) in wanted {
            match self.verify_installed(connection, &sha256, situation)? {
                Ok(adapter) => active.adapters.push(ActiveAdapter { adapter, scale }),
                Err(refusal) => active.refused.push(RefusedAdapter { sha256, refusal }),
            }
        }
        let set = active.adapters.iter();
        if let Err(refused) = check_set(set.map(|active| (&active.adapter, active.scale))) {
            active.refused.push(*refused);
        }
        for RefusedAdapter { sha256, refusal } in &active.refused {
            Event::new(Action::Refused, situation.now)
                .about(*sha256)
                .refusal(refusal)
                .record_once(connection)?;
        }
        if !active.refused.is_empty() {
            active.adapters.clear();
        }
        Ok(active)
    }

    fn verify_installed(
        &self,
        connection: &Connection,
        sha256: &Digest,
        situation: &Situation<'_>,
    ) -> Result<Result<VerifiedAdapter, Refusal>, StoreError> {
        let policy = policy::current(connection)?;
        let limit = policy.document().roles.release.limits.max_bytes;
        let bundle = rows::bundle(connection, sha256)?;
        let Some(adapter) = self.blobs.read(sha256, limit)? else {
            return Ok(Err(Refusal::Damaged));
        };
        let bundle = bundle.into();
        let delivery = Delivery { adapter, bundle };
        install::verify(
            connection,
            &delivery,
            situation,
            &BTreeMap::new(),
            Rollout::Kept,
        )
    }
}

/// What was active is in the database and comes out of it as it went in. Scales that
/// somebody asks for are refused before anything is read.
fn check_scales(wanted: &[(Digest, f32)]) -> Result<(), StoreError> {
    match wanted
        .iter()
        .find(|(_, scale)| !(0.0..=1.0).contains(scale))
    {
        Some(&(_, scale)) => Err(StoreError::Scale { scale }),
        None => Ok(()),
    }
}

/// Where an adapter of a set that was active is not installed any more, the set is damaged:
/// nothing that is active is ever removed.
fn set_damaged(error: StoreError) -> Result<Active, StoreError> {
    match error {
        StoreError::NotInstalled { sha256 } => {
            let refusal = Refusal::Damaged;
            Ok(Active {
                adapters: Vec::new(),
                refused: vec![RefusedAdapter { sha256, refusal }],
            })
        }
        error => Err(error),
    }
}

/// All of them, or why not.
pub(crate) fn accepted(set: Active) -> Result<Vec<ActiveAdapter>, StoreError> {
    match set.refused.into_iter().next() {
        Some(refused) => Err(refused.refusal.into()),
        None => Ok(set.adapters),
    }
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
