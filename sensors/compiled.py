"""The loops, plain or compiled. `python -m sensors.compiled` puts compiled code on disk, at install.

Compiled code is kept under a name made from all the loops' sources and the compiler's version: a changed loop is never
run with an old one inside it.
"""

from __future__ import annotations

import os
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from types import FunctionType, SimpleNamespace
from typing import Any

from sensors import kernel
from sensors.loops import (
    arp,
    dcerpc,
    dcerpc_event,
    dcerpc_kept,
    digest,
    dns,
    dns_event,
    dns_names,
    dns_records,
    documents,
    frames,
    ftp,
    ftp_event,
    ftp_lines,
    http,
    http_event,
    http_head,
    icmp,
    kept,
    listen,
    octets,
    slots,
    smb,
    smb_answer,
    smb_ask,
    smb_content,
    smb_event,
    smb_file,
    smb_kept,
    smb_login,
    smb_pipe,
    smb_setup,
    smb_token,
    smb_words,
    ssh,
    ssh_event,
    text,
    tls,
    tls_chain,
    tls_event,
    tls_hello,
    tls_names,
    tls_prints,
    tls_slot,
    world,
)

#: What makes it worth loading Numba (a second, 100 MB): a capture's size in bytes, or packets that were seen.
WORTH_BYTES = 8 << 20
WORTH_PACKETS = 40_000

#: Modules of loops, in the order in which they call one another; a name stands for the same thing in all of them.
MODULES = (
    octets, digest, text, frames, kernel, world, documents, slots, kept,
    arp, icmp,
    dns_names, dns_records, dns_event, dns,
    tls_slot, tls_names, tls_hello, tls_chain, tls_prints, tls_event, tls,
    http_head, http_event, http,
    dcerpc_event, dcerpc_kept, dcerpc,
    smb_words, smb_token, smb_kept, smb_login, smb_file, smb_event, smb_content, smb_pipe, smb_setup, smb_ask,
    smb_answer, smb,
    ftp_lines, ftp_event, ftp,
    ssh_event, ssh,
    listen,
)  # fmt: skip
#: What Python calls; the others are called by these only, and compiled without a way in from outside. The long ones let
#: other threads run meanwhile; for a short one it takes longer to get Python's lock back than to do the work.
LONG = ("walk", "run", "listen")
ENTRIES = (*LONG, "meet", "pass_time", "drop_slot")
_INNER: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
#: What is done for each packet is compiled into its callers: an array is a dozen arguments of a call.
INLINE = (octets, frames, kernel)


@cache
def compiled_kernel() -> Any:
    """The loops that Python calls, compiled; loads Numba and the cached code, or compiles it now."""
    from numba import njit

    _compile_once()
    _finish_once()
    _forget_bitcode()
    _count_from_the_front()
    folder = _folder()
    _keep_code_in(folder)
    scope = _one_scope()
    for module in MODULES:
        for function in module.LOOPS:
            copy = FunctionType(function.__code__, scope, function.__name__)
            copy.__module__ = module.__name__
            # Arrays are the caller's and are never made here, so nobody needs to count references to them.
            options: dict[str, Any] = {"nogil": function.__name__ in LONG, "_nrt": False}
            options |= {"forceinline": module in INLINE and function.__name__ not in LONG}
            options |= {"cache": folder is not None} if function.__name__ in ENTRIES else _INNER
            scope[function.__name__] = njit(**options)(copy)
    return SimpleNamespace(**{name: scope[name] for name in ENTRIES})


def _one_scope() -> dict[str, Any]:
    """The names of all modules of loops. Raises RuntimeError where one means two things."""
    scope: dict[str, Any] = {}
    for module in MODULES:
        names = {name: value for name, value in vars(module).items() if name[:2] != "__" and name != "LOOPS"}
        apart = [name for name in scope.keys() & names.keys() if scope[name] is not names[name]]
        if strange := [name for name in apart if scope[name] != names[name]]:
            raise RuntimeError(f"{module.__name__}: {strange} stand for something else in another module of loops")
        scope |= names
    return scope


def _compile_once() -> None:
    """A loop is compiled once for each kind of array, and not again for each number that stands in a call of it."""
    from numba import types
    from numba.core.dispatcher import Dispatcher

    original = Dispatcher.get_call_template

    def get_call_template(self: Any, args: Any, kws: Any) -> Any:
        return original(self, tuple(map(types.unliteral, args)), kws)

    Dispatcher.get_call_template = get_call_template  # type: ignore[method-assign]


def _finish_once() -> None:
    """What only loops call becomes machine code inside of the loops that Python calls. Numba would optimise and write
    out each loop with all that it calls, then again inside of its caller, and so on: three times as long in all."""
    from numba.core import codegen

    library: Any = codegen.JITCodeLibrary
    whole: Any = codegen.CPUCodeLibrary
    engine: Any = codegen.JITCPUCodegen
    inner = {function.__name__ for module in MODULES for function in module.LOOPS} - {*ENTRIES}
    set_original = engine.set_env

    def optimize(self: Any) -> None:
        if self.name not in inner:
            whole._optimize_final_module(self)

    def finalize(self: Any) -> None:
        if self.name not in inner:
            whole._finalize_final_module(self)
        self._finalized = True

    def set_env(self: Any, name: str, env: Any) -> None:
        if self._engine.is_symbol_defined(name):
            set_original(self, name, env)

    library._optimize_final_module = optimize
    library._finalize_final_module = finalize
    engine.set_env = set_env


def _forget_bitcode() -> None:
    """The long loops are called by Python only: what Numba would link into a caller is given back, 35 MB."""
    from ctypes import CDLL

    from numba.core import codegen

    library: Any = codegen.JITCodeLibrary
    load = library._unserialize

    def unserialize(codegen: Any, state: Any) -> Any:
        loaded = load(codegen, state)
        if loaded.name in LONG:
            loaded._shared_module = None
            getattr(CDLL(None), "malloc_trim", int)(0)  # of the GNU C library: freed memory is the system's again
        return loaded

    library._unserialize = unserialize


def _count_from_the_front() -> None:
    """An index is taken as it is: no loop counts from an array's end, so none need look for that at each access, which
    took a third of the kernel's time."""
    from numba.core import types
    from numba.np import arrayobj

    def fix_integer_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    arrayobj.fix_integer_index = fix_integer_index


def _folder() -> Path | None:
    """Where compiled code is or can be kept: beside the loops, as the install has it, or among the user's own files."""
    sources = [Path(str(module.__file__)).read_bytes() for module in MODULES]
    name = sha256(b"\0".join((*sources, version("numba").encode(), Path(__file__).read_bytes()))).hexdigest()[:16]
    beside = Path(octets.__file__).parent / "__pycache__" / name
    if any(beside.glob("*.nbi")) or os.access(beside.parents[1], os.W_OK):
        return beside
    try:
        return Path.home() / ".cache" / "vonggac" / name
    except RuntimeError:
        return None


def _keep_code_in(folder: Path | None) -> None:
    from numba.core.caching import CacheImpl, _CacheLocator

    class Locator(_CacheLocator):
        """Numba's own ones will only read where they may write, and know of one source file only."""

        def __init__(self, function: Any) -> None:
            self._name = function.__name__

        def get_cache_path(self) -> str:
            return str(folder)

        def get_source_stamp(self) -> str:
            return ""

        def get_disambiguator(self) -> str:
            return str(self._name)

        def ensure_cache_path(self) -> None:
            if folder is not None and not folder.is_dir():
                folder.mkdir(parents=True)

        @classmethod
        def from_function(cls, function: Any, path: str) -> Any:
            return cls(function) if folder is not None else None

    CacheImpl._locator_classes = [Locator]  # type: ignore[list-item]


class Loops:
    """The functions for one source: plain at first, compiled once it has shown to be large."""

    def __init__(self, location: str = "") -> None:
        #: Whether a capture is known to be large beforehand.
        self.large = _size(location) >= WORTH_BYTES
        self._left = 0 if self.large else WORTH_PACKETS
        self.functions: Any = kernel if self._left else compiled_kernel()

    def seen(self, packets: int) -> None:
        if self._left:
            self._left = max(0, self._left - packets)
            if not self._left:
                self.functions = compiled_kernel()


def _size(location: str) -> int:
    try:
        return Path(location).stat().st_size
    except OSError:
        return 0


def _forget_older() -> None:
    """Code that was compiled from other sources and lies beside it is of no use any more."""
    folder = _folder()
    for other in folder.parent.glob("[0-9a-f]" * 16) if folder is not None else ():
        if other != folder:
            rmtree(other, ignore_errors=True)


def main() -> None:
    """Compile for the types that are used, so that the first capture need not."""
    from sensors.base import Origin
    from sensors.chunk import Chunk, Packet, PcapWalk
    from sensors.decode.address import UDP
    from sensors.decode.frame import Segment
    from sensors.document import Scribe
    from sensors.flows import FlowTable
    from sensors.sorter import Sorter
    from sensors.streams import Moment

    _forget_older()
    loops = Loops()
    loops.functions = compiled_kernel()
    PcapWalk(loops, bytes(24), "<", 1000, 16, 1).take(bytes(16), 0, 0)
    sorter = Sorter(Scribe(Origin(""), ""), loops.functions)
    datagram = bytes(12) + b"\x08\0\x45\0\0\x1c" + bytes(5) + b"\x11" + bytes(10) + b"\0\1\0\1\0\x08\0\0"
    list(sorter.feed(Chunk.of([Packet(0, 0, 1, datagram, len(datagram))])))
    list(sorter.finish())
    list(sorter.pass_time(1))
    sorter.leave(0)
    list(sorter.pass_time(2))
    table = FlowTable(limit=1, loops=loops.functions)
    address = bytes(4)
    for number in range(2):
        segment = Segment(address, address, UDP, number, 0, b"", 0, 0, 0, 0, 0, (), 0)
        table.enter(segment, (), 1, Moment(0, 0))


if __name__ == "__main__":
    main()
