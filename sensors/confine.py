"""A process gives up what it does not need: capabilities, other programs, the network, writing elsewhere.

Four layers, each where the kernel has it: no new privileges, no capabilities (capabilities(7)), limits (setrlimit(2)),
Landlock (writing only below the folders named; landlock(7), ABI 1 to 6), and a seccomp filter (seccomp(2)) that
answers EPERM. All through the C library: no package is needed. Landlock and capabilities are a thread's: to be called
before others are started.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
from collections.abc import Iterable, Sequence
from pathlib import Path
from struct import pack

_libc = ctypes.CDLL(None, use_errno=True)

#: Open files at most: segments of the spool and of the ring, sockets, libraries that are loaded late.
MAX_FILES = 512

# linux/prctl.h, linux/capability.h
_PR_GET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _CLEAR_ALL = 21, 24, 38, 47, 4
_CAPABILITY_VERSION_3, _CAPABILITIES = 0x20080522, 64

# linux/landlock.h; these system calls have one number on every machine
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ, _TRUNCATE = 1 << 0, 1 << 1, 1 << 2 | 1 << 3, 1 << 14
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
#: Rights over files that each ABI knows beyond the first's 13.
_BY_ABI = {1: 0, 2: 1 << 13, 3: 1 << 13 | _TRUNCATE, 4: 1 << 13 | _TRUNCATE, 5: 1 << 13 | _TRUNCATE | 1 << 15}
_NET_BOTH, _SCOPE_BOTH = 3, 3

# linux/seccomp.h, linux/filter.h, linux/audit.h
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NR, _ARCH, _ARGUMENT_0 = 0, 4, 16
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD = 0x10000
_X32 = 0x40000000
#: socket, connect, bind, listen, accept, accept4, sendto, sendmsg, sendmmsg; execve, execveat, ptrace,
#: process_vm_readv, process_vm_writev; mount, umount2, pivot_root, chroot, unshare, setns, open_by_handle_at, mknodat;
#: init_module, finit_module, delete_module, kexec_load, kexec_file_load, bpf, perf_event_open, userfaultfd, reboot,
#: swapon, swapoff, add_key, request_key, keyctl; (x86-64 only: fork, vfork, mknod)
_DENIED = {
    "x86_64": (
        41, 42, 49, 50, 43, 288, 44, 46, 307, 59, 322, 101, 310, 311, 165, 166, 155, 161, 272, 308, 304, 259,
        175, 313, 176, 246, 320, 321, 298, 323, 169, 167, 168, 248, 249, 250, 57, 58, 133,
    ),
    "aarch64": (
        198, 203, 200, 201, 202, 242, 206, 211, 269, 221, 281, 117, 270, 271, 40, 39, 41, 51, 97, 268, 265, 33,
        105, 273, 106, 104, 294, 280, 241, 282, 142, 224, 225, 217, 218, 219,
    ),
}  # fmt: skip
#: io_uring_setup, _enter, _register (they go round any filter), open_tree, move_mount, fsopen, fsconfig, fsmount
_DENIED_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432)
_CLONE3 = 435
#: machine -> (AUDIT_ARCH_…, seccomp, clone, capset)
_MACHINES = {"x86_64": (0xC000003E, 317, 56, 126), "aarch64": (0xC00000B7, 277, 220, 91)}


def confine(writable: Iterable[Path]) -> list[str]:
    """From now on this process writes below these folders only, starts nothing, and opens no socket. What it holds open
    it keeps. The layers that were applied, by name: `no-new-privs`, `limits`, `landlock-ABI`, `seccomp`,
    `no-capabilities`."""
    applied = ["no-new-privs"] if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 else []
    _limit()
    applied.append("limits")
    abi = _landlock(list(writable))
    if abi:
        applied.append(f"landlock-{abi}")
    if drop_capabilities():
        applied.append("no-capabilities")
    if _seccomp():
        applied.append("seccomp")
    return applied


def available() -> list[str]:
    """Which of the layers that depend on the kernel it has: `landlock-ABI`, `seccomp`."""
    abi = _call(_CREATE_RULESET, None, 0, 1)
    # PR_GET_SECCOMP fails where seccomp was not built in.
    seccomp = platform.machine() in _MACHINES and _libc.prctl(_PR_GET_SECCOMP, 0, 0, 0, 0) >= 0
    return ([f"landlock-{abi}"] if abi > 0 else []) + (["seccomp"] if seccomp else [])


def drop_capabilities() -> bool:
    """Whether this thread (and what it starts) now has none, and can get none."""
    for number in range(_CAPABILITIES):
        _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0)  # only who may; the others could get none anyway
    _libc.prctl(_PR_CAP_AMBIENT, _CLEAR_ALL, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    return _call(machine[3], pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24)) == 0


def no_more_threads() -> None:
    """Nothing more is to be started; to be called when every thread runs."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _limit() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    files = MAX_FILES if most == resource.RLIM_INFINITY else min(MAX_FILES, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _landlock(writable: Sequence[Path]) -> int:
    """The ABI that was used; 0 where the kernel has none."""
    abi = _call(_CREATE_RULESET, None, 0, 1)
    if abi < 1:
        return 0
    rights = ((1 << 13) - 1 | _BY_ABI[min(abi, 5)]) & ~_READ
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = _call(_CREATE_RULESET, pack("=QQQ", rights, _NET_BOTH, _SCOPE_BOTH)[:size], size, 0)
    if ruleset < 0:
        return 0
    try:
        allowed = rights & (_WRITE_FILE | _TRUNCATE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG)
        for folder in writable:
            below = os.open(folder, os.O_PATH | os.O_CLOEXEC)
            try:
                if _call(_ADD_RULE, ruleset, 1, pack("=Qi", allowed, below), 0) < 0:
                    return 0
            finally:
                os.close(below)
        return abi if _call(_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _seccomp() -> bool:
    machine = platform.machine()
    if machine not in _MACHINES:
        return False
    code = seccomp_program(machine)
    program = ctypes.create_string_buffer(code, len(code))
    header = pack("=HxxxxxxQ", len(code) // 8, ctypes.addressof(program))
    return _call(_MACHINES[machine][1], _SET_MODE_FILTER, _ALL_THREADS, header) == 0


def seccomp_program(machine: str) -> bytes:
    """The filter as classic BPF: another machine's calls and those denied get EPERM, clone3 ENOSYS (the C library then
    takes clone, whose flags can be seen), clone only makes threads, all else is allowed."""
    arch, _, clone, _ = _MACHINES[machine]
    denied = (*_DENIED[machine], *_DENIED_EVERYWHERE)
    # From the end: [allow] [EPERM] [ENOSYS]; jumps count the instructions they pass over.
    body: list[tuple[int, int, str, str]] = [(_AT_LEAST, _X32, "deny", "")] if machine == "x86_64" else []
    body += [(_EQUAL, number, "deny", "") for number in denied]
    body += [(_EQUAL, _CLONE3, "missing", ""), (_EQUAL, clone, "", "allow")]
    body += [(_LOAD, _ARGUMENT_0, "", ""), (_ANY_BIT, _CLONE_THREAD, "allow", "deny")]
    whole = [(_LOAD, _ARCH, "", ""), (_EQUAL, arch, "", "deny"), (_LOAD, _NR, "", ""), *body]
    places = {"allow": len(whole), "deny": len(whole) + 1, "missing": len(whole) + 2}
    out = [
        pack("=HBBI", code, *(places[to] - at - 1 if to else 0 for to in (yes, no)), value)
        for at, (code, value, yes, no) in enumerate(whole)
    ]
    ends = (_ALLOW, _ERRNO | _EPERM, _ERRNO | _ENOSYS)
    return b"".join(out) + b"".join(pack("=HBBI", _RETURN, 0, 0, value) for value in ends)


def _call(number: int, *arguments: int | bytes | None) -> int:
    """A system call's answer; -1 for a refusal."""
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    return int(_libc.syscall(ctypes.c_long(number), *given))
