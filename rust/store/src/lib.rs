//! Everything that lasts (layer L3): the trust policy, installed adapters, which of
//! them are active, high-water marks, a history that its owner can read; experiments with
//! all that happened in them; replies that a person should look at.
//!
//! A store is a folder: an SQLite database in WAL mode, and adapters' bytes beside it,
//! named by their digest. Each change is one transaction; a process killed at any point
//! leaves the state before or after it, and bytes that no row names go at the next
//! opening. Two processes may use one store. All functions block for the disk.
#![forbid(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod activate;
mod blobs;
mod clock;
mod consent;
mod database;
mod delivery;
mod error;
mod experiments;
mod files;
mod folder;
mod history;
mod install;
mod installation;
mod norms;
mod policy;
mod private;
mod purpose;
mod review;
mod rows;

pub use activate::{Active, ActiveAdapter};
pub use delivery::{Delivery, bundle_path, read_bundle};
pub use error::StoreError;
pub use experiments::{Appended, StoredEvent, StoredExperiment, StoredRun};
pub use folder::{Situation, StoreFolder};
pub use history::{Action, HistoryEntry};
pub use install::VerifiedDelivery;
pub use pocketune_adapter::RefusedAdapter;
pub use purpose::Purpose;
pub use review::{REVIEWS_MAX, ReviewItem, ReviewLabel};
pub use rows::InstalledAdapter;
