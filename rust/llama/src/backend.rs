//! The process-wide start of llama.cpp, and what its CPU code was built for.

use std::ffi::CStr;
use std::sync::Once;

use llama_cpp_sys_2 as sys;

use crate::log_bridge;

/// Which build of llama.cpp this is: the crate that compiled it, with its version. What one
/// build computed and saved is for no other.
pub const LLAMA_BUILD: &str = env!("POCKETUNE_LLAMA_BUILD");

/// Starts llama.cpp once for this process. Cheap after the first call.
pub(crate) fn ensure_started() {
    static START: Once = Once::new();
    START.call_once(|| {
        log_bridge::install();
        // SAFETY: called once, before any other llama.cpp call of this crate
        // (llama.h, llama_backend_init).
        unsafe { sys::llama_backend_init() }
    });
}

/// What the linked CPU kernels use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpuFacts {
    /// llama.cpp's own line of instruction sets, such as `AVX2 = 1 | FMA = 1`.
    pub features: String,
}

/// The instruction sets that the linked CPU kernels use. Does not block.
#[must_use]
pub fn cpu_facts() -> CpuFacts {
    ensure_started();
    // SAFETY: the backend is started; the call takes no arguments.
    let text = unsafe { sys::llama_print_system_info() };
    // SAFETY: llama_print_system_info returns a NUL-terminated static buffer,
    // never null (src/llama.cpp).
    let text = unsafe { CStr::from_ptr(text) };
    CpuFacts {
        features: text.to_string_lossy().trim().to_owned(),
    }
}
