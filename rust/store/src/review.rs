//! Replies that a person should look at, and what people said of them.

use pocketune_adapter::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use crate::consent;
use crate::database::begin;
use crate::error::StoreError;
use crate::folder::StoreFolder;
use crate::purpose::Purpose;

/// Most items that are kept, a few kilobytes each.
pub const REVIEWS_MAX: u32 = 1_000;

/// A reply that waits for a person, or has been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    /// Its id.
    pub id: String,
    /// When it was kept, by the device's clock.
    pub at: Timestamp,
    /// Exchange and findings, as JSON.
    pub content: String,
    /// Whether it was marked out for sharing.
    pub shared: bool,
    /// When it was last handed out.
    pub exported_at: Option<Timestamp>,
    /// What people said, in the order of their names.
    pub labels: Vec<ReviewLabel>,
}

/// What one person said of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewLabel {
    /// Who.
    pub annotator: String,
    /// What.
    pub label: String,
}

impl StoreFolder {
    /// Keeps an item for review. Where there are [`REVIEWS_MAX`] already, the earliest that
    /// is neither marked out for sharing nor labelled goes.
    ///
    /// # Errors
    /// [`StoreError::NoConsent`], [`StoreError::DuplicateReview`], and those of writing.
    pub fn keep_for_review(
        &self,
        id: &str,
        content: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        consent::require(&transaction, Purpose::Review)?;
        let kept = transaction.execute(
            "INSERT OR IGNORE INTO review_items (id, at, content) VALUES (?1, ?2, ?3)",
            params![id, now.unix_seconds(), content],
        )?;
        if kept == 0 {
            return Err(StoreError::DuplicateReview { id: id.to_owned() });
        }
        let evicted = transaction.execute(
            "DELETE FROM review_items WHERE rowid IN (
                 SELECT rowid FROM review_items
                 WHERE shared = 0 AND id NOT IN (SELECT item FROM review_labels)
                 ORDER BY at, rowid
                 LIMIT max(0, (SELECT count(*) FROM review_items) - ?1))",
            params![REVIEWS_MAX],
        )?;
        transaction.commit()?;
        if evicted > 0 {
            self.forget_removed(&connection);
        }
        Ok(())
    }

    /// Marks an item out for sharing, or takes that back.
    ///
    /// # Errors
    /// [`StoreError::NoConsent`], [`StoreError::NoReview`], and those of writing.
    pub fn share_review(&self, id: &str, shared: bool) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        if shared {
            consent::require(&transaction, Purpose::ReviewSharing)?;
        }
        let marked = transaction.execute(
            "UPDATE review_items SET shared = ?2 WHERE id = ?1",
            params![id, shared],
        )?;
        known(marked, id)?;
        transaction.commit()?;
        Ok(())
    }

    /// Removes an item with its labels.
    ///
    /// # Errors
    /// [`StoreError::NoReview`], and those of writing.
    pub fn forget_review(&self, id: &str) -> Result<(), StoreError> {
        let connection = self.connection();
        let gone = connection.execute("DELETE FROM review_items WHERE id = ?1", params![id])?;
        known(gone, id)?;
        self.forget_removed(&connection);
        Ok(())
    }

    /// All items, the earliest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn reviews(&self) -> Result<Vec<ReviewItem>, StoreError> {
        items(&self.connection(), false)
    }

    /// What `read` makes of the items that are marked out for sharing, noting that they were
    /// handed out; where it fails, they were not.
    ///
    /// # Errors
    /// [`StoreError::NoConsent`], those of `read`, and those of writing.
    pub fn export_reviews<T>(
        &self,
        now: Timestamp,
        read: impl FnMut(ReviewItem) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        consent::require(&transaction, Purpose::ReviewSharing)?;
        transaction.execute(
            "UPDATE review_items SET exported_at = ?1 WHERE shared = 1",
            params![now.unix_seconds()],
        )?;
        let shared = items(&transaction, true)?.into_iter().map(read);
        let shared = shared.collect::<Result<_, _>>()?;
        transaction.commit()?;
        Ok(shared)
    }

    /// Adds labels, all or none. One that is there already is passed over.
    ///
    /// # Errors
    /// [`StoreError::NoReview`]; [`StoreError::LabelContradicts`] where an annotator said
    /// something else before; those of writing.
    pub fn label_reviews(
        &self,
        labels: &[(String, ReviewLabel)],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut connection = self.connection();
        let transaction = begin(&mut connection)?;
        for (item, said) in labels {
            label(&transaction, item, said, now)?;
        }
        transaction.commit()?;
        Ok(())
    }
}

fn label(
    connection: &Connection,
    item: &str,
    said: &ReviewLabel,
    now: Timestamp,
) -> Result<(), StoreError> {
    let there: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM review_items WHERE id = ?1",
            params![item],
            |row| row.get(0),
        )
        .optional()?;
    known(there.iter().len(), item)?;
    let before: Option<String> = connection
        .query_row(
            "SELECT label FROM review_labels WHERE item = ?1 AND annotator = ?2",
            params![item, said.annotator],
            |row| row.get(0),
        )
        .optional()?;
    match before {
        None => {
            connection.execute(
                "INSERT INTO review_labels (item, annotator, label, at) VALUES (?1, ?2, ?3, ?4)",
                params![item, said.annotator, said.label, now.unix_seconds()],
            )?;
            Ok(())
        }
        Some(before) if before == said.label => Ok(()),
        Some(_) => Err(StoreError::LabelContradicts {
            id: item.to_owned(),
            annotator: said.annotator.clone(),
        }),
    }
}

fn items(connection: &Connection, only_shared: bool) -> Result<Vec<ReviewItem>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id, at, content, shared, exported_at FROM review_items
         WHERE shared >= ?1 ORDER BY at, rowid",
    )?;
    let rows = statement.query_map(params![only_shared], |row| {
        Ok(ReviewItem {
            id: row.get(0)?,
            at: Timestamp::from_unix(row.get(1)?),
            content: row.get(2)?,
            shared: row.get(3)?,
            exported_at: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_unix),
            labels: Vec::new(),
        })
    })?;
    let mut items = rows.collect::<Result<Vec<_>, _>>()?;
    let mut statement = connection.prepare_cached(
        "SELECT annotator, label FROM review_labels WHERE item = ?1 ORDER BY annotator",
    )?;
    for item in &mut items {
        let labels = statement.query_map(params![item.id], |row| {
            Ok(ReviewLabel {
                annotator: row.get(0)?,
                label: row.get(1)?,
            })
        })?;
        item.labels = labels.collect::<Result<_, _>>()?;
    }
    Ok(items)
}

fn known(rows: usize, id: &str) -> Result<(), StoreError> {
    match rows {
        0 => Err(StoreError::NoReview { id: id.to_owned() }),
        _ => Ok(()),
    }
}
