//! Ctrl-C and SIGTERM: stop the running reply, or leave when nothing runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pocketune_core::CancelToken;

use crate::chat::input::Event;
use crate::ending;

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
    /// Hears signals from now on.
    pub(crate) fn install() -> (Self, Events) {
        let (sender, receiver) = mpsc::channel();
        let state = Arc::new(State {
            running: Mutex::new(None),
            asked: AtomicBool::new(false),
            events: sender.clone(),
        });
        let caught = Self(Arc::clone(&state));
        ending::on_signal(move || caught.interrupt());
        (Self(state), Events { sender, receiver })
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

    /// False where it was asked before and has not helped.
    fn interrupt(&self) -> bool {
        let running = self.lock().clone();
        match running {
            Some(cancel) if cancel.is_cancelled() => false,
            Some(cancel) => {
                cancel.cancel();
                true
            }
            None => {
                let asked_before = self.0.asked.swap(true, Ordering::Relaxed);
                // Nobody listens outside of an interactive chat.
                let _ = self.0.events.send(Event::Interrupted);
                !asked_before
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
