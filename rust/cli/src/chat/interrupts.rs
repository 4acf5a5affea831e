//! Ctrl-C: stops the running reply, or leaves when nothing runs.

use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketune_core::CancelToken;

use crate::chat::input::Event;
use crate::error::CliError;

/// What a shell reports for a program that Ctrl-C ended.
const EXIT_INTERRUPTED: i32 = 130;

/// What Ctrl-C means at the moment.
#[derive(Debug, Clone)]
pub(crate) struct Interrupts(Arc<State>);

#[derive(Debug)]
struct State {
    running: Mutex<Option<CancelToken>>,
    asked: AtomicBool,
    events: Sender<Event>,
}

/// A reply that Ctrl-C cancels until this is dropped.
#[derive(Debug)]
pub(crate) struct Running<'a>(&'a Interrupts);

/// What a person does at the prompt, and where other sources of it send to.
#[derive(Debug)]
pub(crate) struct Events {
    pub(crate) sender: Sender<Event>,
    pub(crate) receiver: Receiver<Event>,
}

impl Interrupts {
    /// Catches Ctrl-C from now on.
    pub(crate) fn install() -> Result<(Self, Events), CliError> {
        let (sender, receiver) = mpsc::channel();
        let state = Arc::new(State {
            running: Mutex::new(None),
            asked: AtomicBool::new(false),
            events: sender.clone(),
        });
        let caught = Self(Arc::clone(&state));
        ctrlc::set_handler(move || caught.interrupt()).map_err(CliError::Interrupts)?;
        Ok((Self(state), Events { sender, receiver }))
    }

    /// Becomes true when Ctrl-C came while no reply was running.
    pub(crate) fn asked(&self) -> &AtomicBool {
        &self.0.asked
    }

    /// Lets Ctrl-C cancel this reply until the guard is dropped.
    pub(crate) fn running(&self, cancel: CancelToken) -> Running<'_> {
        *self.lock() = Some(cancel);
        Running(self)
    }

    fn interrupt(&self) {
        let running = self.lock().clone();
        match running {
            Some(cancel) if cancel.is_cancelled() => process::exit(EXIT_INTERRUPTED),
            Some(cancel) => cancel.cancel(),
            None => {
                self.0.asked.store(true, Ordering::Relaxed);
                // Nobody listens outside of an interactive chat.
                let _ = self.0.events.send(Event::Interrupted);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<CancelToken>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}
