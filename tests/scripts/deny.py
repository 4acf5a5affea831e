"""Runs a command that is denied some system calls, as containers deny them: by seccomp.

    python3 tests/scripts/deny.py unshare,mount swift --version
"""

import ctypes
import os
import platform
import struct
import sys

# Numbers of <asm/unistd.h>, and AUDIT_ARCH_* of <linux/audit.h>.
MACHINES = {
    "x86_64": (0xC000003E, {"ptrace": 101, "chroot": 161, "mount": 165, "unshare": 272}),
    "aarch64": (0xC00000B7, {"mount": 40, "chroot": 51, "unshare": 97, "ptrace": 117}),
}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, MODE_FILTER = 22, 38, 2
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, DENY_EPERM = 0x7FFF0000, 0x00050001


def main():
    architecture, numbers = MACHINES[platform.machine()]
    denied = [numbers[name] for name in sys.argv[1].split(",")]
    steps = [(LOAD, 0, 0, 4), (IF_EQUAL, 1, 0, architecture), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, 0)]
    for number in denied:
        steps += [(IF_EQUAL, 0, 1, number), (RETURN, 0, 0, DENY_EPERM)]
    steps.append((RETURN, 0, 0, ALLOW))
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = struct.pack("@HP", len(steps), ctypes.addressof(code))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, MODE_FILTER, program, 0, 0):
        sys.exit(f"no seccomp filter: {os.strerror(ctypes.get_errno())}")
    os.execvp(sys.argv[2], sys.argv[2:])


main()
