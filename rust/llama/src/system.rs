//! What the operating system says is free.

/// Bytes that this process may still use before the system starts to reclaim or
/// kill; `None` where the platform does not say. Cheap, may be called from any thread.
///
/// Linux and Android: `MemAvailable` of `/proc/meminfo`, lowered to what the
/// control group leaves. iOS: `os_proc_available_memory`. macOS: half of the
/// physical memory, a development machine's rule of thumb.
#[must_use]
pub fn available_memory_bytes() -> Option<u64> {
    platform::available()
}

#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform {
    use std::fs;

    pub(super) fn available() -> Option<u64> {
        let system = meminfo_available(&fs::read_to_string("/proc/meminfo").ok()?)?;
        Some(control_group_left().map_or(system, |left| left.min(system)))
    }

    fn meminfo_available(text: &str) -> Option<u64> {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("MemAvailable:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }

    /// Control group v2: limit minus use, page cache of mapped files not counted as use.
    fn control_group_left() -> Option<u64> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
        let dir = format!("/sys/fs/cgroup{}", path.trim());
        let number = |file: &str| -> Option<u64> {
            fs::read_to_string(format!("{dir}/{file}"))
                .ok()?
                .trim()
                .parse()
                .ok()
        };
        let limit = number("memory.max")?;
        let used = number("memory.current")?;
        let stat = fs::read_to_string(format!("{dir}/memory.stat")).ok()?;
        let cache: u64 = stat
            .lines()
            .find_map(|line| line.strip_prefix("inactive_file "))
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(cache)))
    }

    #[cfg(test)]
    mod tests {
        use super::meminfo_available;

        #[test]
        fn meminfo_is_read_in_bytes() {
            let text = "MemTotal: 100 kB\nMemAvailable:   24 kB\n";
            assert_eq!(meminfo_available(text), Some(24 * 1024));
            assert_eq!(meminfo_available("MemTotal: 100 kB\n"), None);
        }
    }
}

#[cfg(target_os = "ios")]
mod platform {
    unsafe extern "C" {
        fn os_proc_available_memory() -> usize;
    }

    pub(super) fn available() -> Option<u64> {
        // SAFETY: takes nothing, returns a number (os/proc.h, iOS 13 and later).
        let bytes = unsafe { os_proc_available_memory() };
        (bytes > 0).then_some(bytes as u64)
    }
}

#[cfg(target_os = "macos")]
mod platform {
    pub(super) fn available() -> Option<u64> {
        let mut bytes: u64 = 0;
        let mut length = size_of::<u64>();
        // SAFETY: the name is NUL-terminated, the buffer has `length` bytes
        // (sysctlbyname(3)).
        let result = unsafe {
            libc::sysctlbyname(
                c"hw.memsize".as_ptr(),
                (&raw mut bytes).cast(),
                &raw mut length,
                std::ptr::null_mut(),
                0,
            )
        };
        (result == 0).then_some(bytes / 2)
    }
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "ios",
    target_os = "macos"
)))]
mod platform {
    pub(super) fn available() -> Option<u64> {
        None
    }
}
