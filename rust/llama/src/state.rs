//! Cached positions of a sequence: removing, copying out, putting back.

use llama_cpp_sys_2 as sys;

use crate::bindings;
use crate::context::Context;
use crate::error::{LlamaError, Message};
use crate::sequence_state::check_state;

impl Context {
    /// Forgets the positions of `sequence` from `from_position` on. False when
    /// the cache cannot forget a part only (a sliding window that has moved on);
    /// then nothing has changed.
    ///
    /// # Errors
    /// [`LlamaError::StateRefused`].
    pub fn truncate(&mut self, sequence: i32, from_position: u32) -> Result<bool, LlamaError> {
        if from_position > 0 && !self.window_reaches(sequence, from_position) {
            return Ok(false);
        }
        let from = i32::try_from(from_position).unwrap_or(i32::MAX);
        let mut removed = false;
        let mut message = Message::new();
        // SAFETY: the context is alive and used by this thread only; -1 means
        // "to the end" (llama.h, llama_memory_seq_rm).
        let status = unsafe {
            bindings::pt_sequence_remove(
                self.raw(),
                sequence,
                from,
                -1,
                &raw mut removed,
                message.as_mut_ptr(),
            )
        };
        message.check(status, |cause| LlamaError::StateRefused { cause })?;
        Ok(removed)
    }

    /// Whether all is cached that a token at `position` attends to. llama.cpp
    /// removes the rest whether or not its sliding-window layers still have this:
    /// a saved sequence holds the last window only (llama-kv-cache.cpp, state_write).
    fn window_reaches(&mut self, sequence: i32, position: u32) -> bool {
        // SAFETY: the model lives as long as the context; the call reads a field.
        let window = unsafe { sys::llama_model_n_swa(self.model().raw().as_ptr()) };
        let Some(window) = u32::try_from(window).ok().filter(|&window| window > 0) else {
            return true;
        };
        // The first position of the layer that has the fewest.
        let first = self.cached_positions(sequence).map(|(first, _)| first);
        first.is_none_or(|first| first <= (position + 1).saturating_sub(window))
    }

    /// First and last cached position of `sequence`, or `None` when it is empty.
    pub fn cached_positions(&mut self, sequence: i32) -> Option<(u32, u32)> {
        // SAFETY: the context is alive; its memory lives as long (llama.h).
        let memory = unsafe { sys::llama_get_memory(self.raw()) };
        // SAFETY: `memory` is the living context's; -1 for an empty sequence.
        let first = unsafe { sys::llama_memory_seq_pos_min(memory, sequence) };
        // SAFETY: as above.
        let last = unsafe { sys::llama_memory_seq_pos_max(memory, sequence) };
        Some((u32::try_from(first).ok()?, u32::try_from(last).ok()?))
    }

    /// Bytes that [`Context::save_sequence`] would return.
    ///
    /// # Errors
    /// [`LlamaError::StateRefused`].
    pub fn sequence_bytes(&mut self, sequence: i32) -> Result<usize, LlamaError> {
        let mut bytes = 0;
        let mut message = Message::new();
        // SAFETY: the context is alive and used by this thread only.
        let status = unsafe {
            bindings::pt_sequence_state_size(
                self.raw(),
                sequence,
                &raw mut bytes,
                message.as_mut_ptr(),
            )
        };
        message.check(status, |cause| LlamaError::StateRefused { cause })?;
        Ok(bytes)
    }

    /// Copies the cached keys and values of `sequence` out. The bytes are for a
    /// context with the same model and KV type, on the same build.
    ///
    /// # Errors
    /// [`LlamaError::StateRefused`].
    pub fn save_sequence(&mut self, sequence: i32) -> Result<Vec<u8>, LlamaError> {
        let mut bytes = vec![0u8; self.sequence_bytes(sequence)?];
        let mut written = 0;
        let mut message = Message::new();
        // SAFETY: `bytes` is valid for its length; the context is alive and
        // used by this thread only.
        let status = unsafe {
            bindings::pt_sequence_state_read(
                self.raw(),
                sequence,
                bytes.as_mut_ptr(),
                bytes.len(),
                &raw mut written,
                message.as_mut_ptr(),
            )
        };
        message.check(status, |cause| LlamaError::StateRefused { cause })?;
        bytes.truncate(written);
        Ok(bytes)
    }

    /// Replaces the cached positions of `sequence` by what
    /// [`Context::save_sequence`] returned. On an error the context is empty.
    ///
    /// llama.cpp reads these bytes with few checks: pass only bytes that never left
    /// this process, or call [`Context::restore_unverified_sequence`].
    ///
    /// # Errors
    /// [`LlamaError::StateRefused`].
    pub fn restore_sequence(&mut self, sequence: i32, bytes: &[u8]) -> Result<(), LlamaError> {
        let mut message = Message::new();
        // SAFETY: `bytes` is valid for its length; the context is alive and
        // used by this thread only.
        let status = unsafe {
            bindings::pt_sequence_state_write(
                self.raw(),
                sequence,
                bytes.as_ptr(),
                bytes.len(),
                message.as_mut_ptr(),
            )
        };
        let restored = message.check(status, |cause| LlamaError::StateRefused { cause });
        if restored.is_err() {
            self.clear();
        }
        restored
    }

    /// As [`Context::restore_sequence`], for bytes of unknown origin: that they are
    /// keys and values of the positions 0 to `tokens` is checked first, and then
    /// nothing has changed on an error.
    ///
    /// Whether they are what these tokens lead to cannot be known.
    ///
    /// # Errors
    /// [`LlamaError::StateRefused`].
    pub fn restore_unverified_sequence(
        &mut self,
        sequence: i32,
        bytes: &[u8],
        tokens: usize,
    ) -> Result<(), LlamaError> {
        let refused = |cause: &str| LlamaError::StateRefused {
            cause: cause.to_owned(),
        };
        if tokens > self.params().context_tokens as usize {
            return Err(refused("more positions than this context holds"));
        }
        check_state(bytes, tokens).map_err(refused)?;
        self.restore_sequence(sequence, bytes)
    }

    /// Forgets all sequences and their data, whatever positions they claim:
    /// [`Context::truncate`] passes over negative ones.
    fn clear(&mut self) {
        // SAFETY: the context is alive; its memory lives as long (llama.h).
        let memory = unsafe { sys::llama_get_memory(self.raw()) };
        // SAFETY: `memory` is the living context's, used by this thread only.
        unsafe { sys::llama_memory_clear(memory, true) };
    }
}
