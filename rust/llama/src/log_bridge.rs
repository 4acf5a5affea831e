//! llama.cpp's log lines go to the `log` crate under the target `llama.cpp`.
//!
//! The last error line of each thread is kept, because llama.cpp reports the
//! cause of a null result only there.

use std::cell::RefCell;
use std::ffi::{CStr, c_char, c_void};
use std::panic::catch_unwind;

use llama_cpp_sys_2 as sys;

thread_local! {
    static LAST_ERROR: RefCell<Option<String>> = const { RefCell::new(None) };
    // llama.cpp logs a line in pieces; continuations take the first piece's level.
    static CURRENT_LEVEL: RefCell<log::Level> = const { RefCell::new(log::Level::Debug) };
}

/// Sends llama.cpp's log to the `log` crate from now on.
pub(crate) fn install() {
    // SAFETY: the callback has static lifetime and takes no user data; setting
    // it is allowed at any time (llama.h, llama_log_set).
    unsafe { sys::llama_log_set(Some(on_line), std::ptr::null_mut()) }
}

pub(crate) fn clear_last_error() {
    LAST_ERROR.with(|last| last.borrow_mut().take());
}

pub(crate) fn last_error() -> Option<String> {
    LAST_ERROR.with(|last| last.borrow().clone())
}

/// Called by llama.cpp on any of its threads.
unsafe extern "C" fn on_line(level: sys::ggml_log_level, text: *const c_char, _data: *mut c_void) {
    if text.is_null() {
        return;
    }
    // SAFETY: llama.cpp passes a NUL-terminated string that lives for this call
    // (ggml.h, ggml_log_callback).
    let text = unsafe { CStr::from_ptr(text) };
    // A logger that panics must not unwind into C++.
    let _ = catch_unwind(|| record(level, text.to_string_lossy().trim_end()));
}

fn record(level: sys::ggml_log_level, line: &str) {
    let level = match level {
        sys::GGML_LOG_LEVEL_ERROR => log::Level::Error,
        sys::GGML_LOG_LEVEL_WARN => log::Level::Warn,
        // Loading a model writes dozens of lines at llama.cpp's "info".
        sys::GGML_LOG_LEVEL_INFO => log::Level::Debug,
        sys::GGML_LOG_LEVEL_CONT => CURRENT_LEVEL.with(|current| *current.borrow()),
        _ => log::Level::Trace,
    };
    CURRENT_LEVEL.with(|current| *current.borrow_mut() = level);
    if line.is_empty() || line == "." {
        return;
    }
    if level == log::Level::Error {
        LAST_ERROR.with(|last| {
            let mut last = last.borrow_mut();
            // The first error line names the cause; later ones say who gave up.
            if last.is_none() {
                *last = Some(line.to_owned());
            }
        });
    }
    log::log!(target: "llama.cpp", level, "{line}");
}
