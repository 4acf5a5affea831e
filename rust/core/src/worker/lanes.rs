//! KV caches of several chats over one context.
//!
//! One lane's keys and values lie in the context (the slot), where attention
//! runs over nobody else's. The others are parked as plain bytes, exactly as
//! large as their tokens, under one limit; the least recently used are dropped
//! first and computed again when their chat goes on. Moving a cache is two
//! copies, a few milliseconds for a thousand tokens.

use std::collections::HashMap;

use pocketune_llama::{Context, Token};

use crate::conversation::{PromptText, Proven};
use crate::error::Error;
use crate::worker::adapters::AdapterSetId;

/// A chat's place on an engine. It says under which adapters the lane computes,
/// for as long as it lives: what it caches can be nobody else's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct LaneId {
    pub(crate) number: u64,
    pub(crate) adapters: AdapterSetId,
}

/// Shorter common beginnings are computed again: a begin-of-sequence token that
/// all prompts share saves nothing, and an unchanged batch gives the same bits.
const REUSE_TOKENS_MIN: usize = 8;

/// The only sequence of the context.
pub(crate) const SEQUENCE: i32 = 0;

/// A lane with its cache, outside the engine.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SavedLane {
    pub(crate) kv_type: String,
    pub(crate) tokens: Vec<Token>,
    pub(crate) kv: Vec<u8>,
}

#[derive(Debug, Default)]
struct Lane {
    // What the cache holds, as text and as tokens. Kept when the cache is
    // dropped, so that replies keep the tokens they were generated with.
    text: Option<PromptText>,
    tokens: Vec<Token>,
    parked: Option<Vec<u8>>,
    last_used: u64,
    // A request of this lane was interrupted: its cache must not be dropped.
    set_aside: bool,
}

#[derive(Debug)]
pub(crate) struct Lanes {
    lanes: HashMap<LaneId, Lane>,
    in_slot: Option<LaneId>,
    // Tokens of the slot's lane that are in the context.
    cached: usize,
    parked_bytes: u64,
    parked_limit_bytes: u64,
    uses: u64,
}

impl Lanes {
    pub(crate) fn new(parked_limit_bytes: u64) -> Self {
        Self {
            lanes: HashMap::new(),
            in_slot: None,
            cached: 0,
            parked_bytes: 0,
            parked_limit_bytes,
            uses: 0,
        }
    }

    /// Puts the lane into the slot, parking who was there.
    pub(crate) fn bring_in(&mut self, context: &mut Context, id: LaneId) -> Result<(), Error> {
        self.uses += 1;
        let uses = self.uses;
        self.lanes.entry(id).or_default().last_used = uses;
        if self.in_slot == Some(id) {
            return Ok(());
        }
        // Taken out first, so that parking its predecessor cannot evict it.
        let parked = self.lanes.get_mut(&id).and_then(|lane| lane.parked.take());
        self.parked_bytes -= parked.as_ref().map_or(0, |kv| kv.len() as u64);
        self.park_slot(context)?;
        context.truncate(SEQUENCE, 0)?;
        self.in_slot = Some(id);
        self.cached = 0;
        if let (Some(lane), Some(kv)) = (self.lanes.get(&id), parked) {
            // A failed restore costs time only: the slot is empty then.
            match context.restore_sequence(SEQUENCE, &kv) {
                Ok(()) => self.cached = lane.tokens.len(),
                Err(error) => log::warn!("a parked KV cache was lost: {error}"),
            }
        }
        Ok(())
    }

    fn park_slot(&mut self, context: &mut Context) -> Result<(), Error> {
        let Some(id) = self.in_slot.take() else {
            return Ok(());
        };
        let cached = std::mem::take(&mut self.cached);
        let Some(lane) = self.lanes.get(&id) else {
            return Ok(());
        };
        if cached == 0 || cached != lane.tokens.len() {
            return Ok(());
        }
        let bytes = context.sequence_bytes(SEQUENCE)? as u64;
        if bytes > self.parked_limit_bytes {
            return Ok(());
        }
        self.evict_until(self.parked_limit_bytes - bytes);
        let kv = context.save_sequence(SEQUENCE)?;
        self.parked_bytes += kv.len() as u64;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.parked = Some(kv);
        }
        Ok(())
    }

    fn evict_until(&mut self, limit_bytes: u64) {
        while self.parked_bytes > limit_bytes {
            let oldest = self
                .lanes
                .values_mut()
                .filter(|lane| lane.parked.is_some() && !lane.set_aside)
                .min_by_key(|lane| lane.last_used);
            let Some(kv) = oldest.and_then(|lane| lane.parked.take()) else {
                return;
            };
            self.parked_bytes -= kv.len() as u64;
        }
    }

    /// Whether the slot's lane can wait while others compute: its cache fits the
    /// limit beside those of other interrupted lanes. Marks it if so.
    pub(crate) fn set_aside(&mut self, context: &mut Context, id: LaneId) -> bool {
        let needed: u64 = self
            .lanes
            .values()
            .filter(|lane| lane.set_aside)
            .filter_map(|lane| lane.parked.as_ref())
            .map(|kv| kv.len() as u64)
            .sum();
        let own = context
            .sequence_bytes(SEQUENCE)
            .map_or(u64::MAX, |bytes| bytes as u64);
        let fits = own.saturating_add(needed) <= self.parked_limit_bytes;
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.set_aside = fits;
        }
        fits
    }

    /// The request of the lane has ended; its cache may be dropped again.
    pub(crate) fn release(&mut self, id: LaneId) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.set_aside = false;
        }
    }

    /// Text and tokens that the lane in the slot went through.
    pub(crate) fn transcript(&self, id: LaneId) -> Option<(&PromptText, &[Token])> {
        let lane = self.lanes.get(&id)?;
        Some((lane.text.as_ref()?, lane.tokens.as_slice()))
    }

    /// Cuts the slot's cache back to what it shares with `tokens`, at least the
    /// last of which must be computed again; returns how many are kept.
    pub(crate) fn reuse(
        &mut self,
        context: &mut Context,
        id: LaneId,
        tokens: &[Token],
    ) -> Result<usize, Error> {
        let cached = self.cached;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return Ok(0);
        };
        let common = lane
            .tokens
            .iter()
            .zip(tokens)
            .take(cached.min(tokens.len().saturating_sub(1)))
            .take_while(|(ours, theirs)| ours == theirs)
            .count();
        let common = if common < REUSE_TOKENS_MIN { 0 } else { common };
        let mut kept = common;
        let position = u32::try_from(common).unwrap_or(u32::MAX);
        if common < cached && !context.truncate(SEQUENCE, position)? {
            // The window of a sliding-window layer has moved past the cut.
            context.truncate(SEQUENCE, 0)?;
            kept = 0;
        }
        lane.tokens.truncate(kept);
        lane.text = None;
        self.cached = kept;
        Ok(kept)
    }

    /// Records tokens that were computed after the kept ones.
    pub(crate) fn extend(&mut self, id: LaneId, tokens: &[Token]) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.tokens.extend_from_slice(tokens);
            self.cached = lane.tokens.len();
        }
    }

    /// Records the text of the lane's tokens, once all of it is computed.
    pub(crate) fn set_text(&mut self, id: LaneId, text: PromptText) {
        if let Some(lane) = self.lanes.get_mut(&id) {
            lane.text = Some(text);
        }
    }

    /// Removes what a failed or aborted batch may have left behind.
    pub(crate) fn repair(&mut self, context: &mut Context) -> Result<(), Error> {
        let position = u32::try_from(self.cached).unwrap_or(u32::MAX);
        if !context.truncate(SEQUENCE, position)? {
            context.truncate(SEQUENCE, 0)?;
            self.cached = 0;
            if let Some(lane) = self.in_slot.and_then(|id| self.lanes.get_mut(&id)) {
                lane.tokens.clear();
                lane.text = None;
            }
        }
        Ok(())
    }

    pub(crate) fn forget(&mut self, context: &mut Context, id: LaneId) {
        if let Some(kv) = self.lanes.remove(&id).and_then(|lane| lane.parked) {
            self.parked_bytes -= kv.len() as u64;
        }
        if self.in_slot == Some(id) {
            self.in_slot = None;
            self.cached = 0;
            if let Err(error) = context.truncate(SEQUENCE, 0) {
                log::warn!("the slot could not be emptied: {error}");
            }
        }
    }

    pub(crate) fn save(
        &mut self,
        context: &mut Context,
        id: LaneId,
        kv_type: &str,
    ) -> Result<SavedLane, Error> {
        self.bring_in(context, id)?;
        let cached = self.cached;
        let kv = if cached == 0 {
            Vec::new()
        } else {
            context.save_sequence(SEQUENCE)?
        };
        let tokens = self.lanes.get(&id).map(|lane| lane.tokens.as_slice());
        let cached = tokens.and_then(|tokens| tokens.get(..cached));
        Ok(SavedLane {
            kv_type: kv_type.to_owned(),
            tokens: cached.unwrap_or_default().to_vec(),
            kv,
        })
    }

    /// Puts back what was proven of a saved lane; nothing else of it is computed with.
    /// On an error the lane is as before, or empty.
    pub(crate) fn restore(
        &mut self,
        context: &mut Context,
        id: LaneId,
        saved: &SavedLane,
        proven: Option<Proven>,
        kv_type: &str,
    ) -> Result<(), Error> {
        let differs = |reason: &str| {
            Err(Error::StateMismatch {
                reason: reason.to_owned(),
            })
        };
        if saved.kv_type != kv_type {
            return differs("another KV cache type");
        }
        let Some(proven) = proven.filter(|_| !saved.kv.is_empty()) else {
            return Ok(());
        };
        if saved.tokens.len() as u64 > u64::from(context.params().context_tokens) {
            return differs("more tokens than this context holds");
        }
        self.bring_in(context, id)?;
        let count = saved.tokens.len();
        let restored = context.restore_unverified_sequence(SEQUENCE, &saved.kv, count);
        if context.cached_positions(SEQUENCE).is_none() || restored.is_ok() {
            self.cached = 0;
            let lane = self.lanes.entry(id).or_default();
            (lane.text, lane.tokens) = (None, Vec::new());
        }
        restored?;
        let kept = u32::try_from(proven.tokens).unwrap_or(u32::MAX);
        if proven.tokens < count && !context.truncate(SEQUENCE, kept)? {
            // The window of a sliding-window layer has moved past the cut.
            context.truncate(SEQUENCE, 0)?;
            return Ok(());
        }
        let lane = self.lanes.entry(id).or_default();
        lane.text = proven.transcript;
        lane.tokens = saved
            .tokens
            .get(..proven.tokens)
            .unwrap_or_default()
            .to_vec();
        self.cached = lane.tokens.len();
        Ok(())
    }
}
