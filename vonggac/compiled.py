"""Loops written in Python over arrays, compiled by Numba at install and loaded where they are worth it.

Compiled code is kept under a name made from all the loops' sources and the compiler's version: a changed loop is never
run with an old one inside it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from shutil import rmtree
from threading import Lock
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

_INNER_OPTIONS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
#: Names of functions that only loops call, and of those that Python calls and no loop does, of all sets so far.
_inner: set[str] = set()
_outer: set[str] = set()
_lock = Lock()


@dataclass(frozen=True, slots=True)
class LoopSet:
    """Functions that are compiled together; a name stands for the same thing in all modules.

    Python calls `entries`; the others are called by these only, and compiled without a way in from outside. The `long`
    ones let other threads run meanwhile; for a short one it takes longer to get Python's lock back than to do the work.
    What is in `inline` is compiled into its callers: an array is a dozen arguments of a call.
    """

    modules: tuple[ModuleType, ...]  # in the order in which they call one another; each has LOOPS
    entries: tuple[str, ...]
    long: tuple[str, ...]
    inline: tuple[ModuleType, ...] = ()

    @property
    def folder(self) -> Path | None:
        """Where compiled code is or can be kept: beside the loops, as the install has it, or among the user's own
        files."""
        sources = [Path(str(module.__file__)).read_bytes() for module in self.modules]
        parts = (*sources, repr((self.entries, self.long)).encode(), version("numba").encode(), _own_source())
        name = sha256(b"\0".join(parts)).hexdigest()[:16]
        beside = Path(str(self.modules[0].__file__)).parent / "__pycache__" / name
        if any(beside.glob("*.nbi")) or os.access(beside.parents[1], os.W_OK):
            return beside
        try:
            return Path.home() / ".cache" / "vonggac" / name
        except RuntimeError:
            return None


def _own_source() -> bytes:
    return Path(__file__).read_bytes()


@cache
def compiled(loops: LoopSet) -> Any:
    """The functions that Python calls, compiled; loads Numba and the cached code, or compiles it now."""
    from numba import njit

    with _lock:
        _inner.update(_functions(loops).keys() - set(loops.entries))
        _outer.update(loops.long)
        _prepare_numba()
        folder = loops.folder
        _keep_code_in(folder)
        scope = _one_scope(loops)
        for name, (module, function) in _functions(loops).items():
            copy = FunctionType(function.__code__, scope, name)
            copy.__module__ = module.__name__
            # Arrays are the caller's and are never made here, so nobody needs to count references to them.
            options: dict[str, Any] = {"nogil": name in loops.long, "_nrt": False}
            options |= {"forceinline": module in loops.inline and name not in loops.long}
            options |= {"cache": folder is not None} if name in loops.entries else _INNER_OPTIONS
            scope[name] = njit(**options)(copy)
        return SimpleNamespace(**{name: scope[name] for name in loops.entries})


def forget_older(loops: LoopSet) -> None:
    """Code that was compiled from other sources and lies beside it is of no use any more."""
    folder = loops.folder
    for other in folder.parent.glob("[0-9a-f]" * 16) if folder is not None else ():
        if other != folder:
            rmtree(other, ignore_errors=True)


def _functions(loops: LoopSet) -> dict[str, tuple[ModuleType, Callable[..., Any]]]:
    return {function.__name__: (module, function) for module in loops.modules for function in module.LOOPS}


def _one_scope(loops: LoopSet) -> dict[str, Any]:
    """The names of all modules of loops. Raises RuntimeError where one means two things."""
    scope: dict[str, Any] = {}
    for module in loops.modules:
        names = {name: value for name, value in vars(module).items() if name[:2] != "__" and name != "LOOPS"}
        apart = [name for name in scope.keys() & names.keys() if scope[name] is not names[name]]
        if strange := [name for name in apart if scope[name] != names[name]]:
            raise RuntimeError(f"{module.__name__}: {strange} stand for something else in another module of loops")
        scope |= names
    return scope


@cache
def _prepare_numba() -> None:
    _compile_once()
    _finish_once()
    _leave_bitcode_out()
    _count_from_the_front()


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
    set_original = engine.set_env

    def optimize(self: Any) -> None:
        if self.name not in _inner:
            whole._optimize_final_module(self)

    def finalize(self: Any) -> None:
        if self.name not in _inner:
            whole._finalize_final_module(self)
        self._finalized = True

    def set_env(self: Any, name: str, env: Any) -> None:
        if self._engine.is_symbol_defined(name):
            set_original(self, name, env)

    library._optimize_final_module = optimize
    library._finalize_final_module = finalize
    engine.set_env = set_env


def _leave_bitcode_out() -> None:
    """The long loops are called by Python only: what Numba would keep of them to link it into a caller is left out, but
    for the names that it defines. It took 50 to 80 MB and half of the time to load a set of loops."""
    from numba.core import codegen

    library: Any = codegen.JITCodeLibrary
    write, read = library.serialize_using_object_code, library._unserialize

    def serialize_using_object_code(self: Any) -> Any:
        if self.name not in _outer:
            return write(self)
        self._ensure_finalized()
        module = self._get_module_for_linking()
        names = [each.name for each in (*module.functions, *module.global_variables) if not each.is_declaration]
        return self.name, "object", (self._get_compiled_object(), "\n".join(names).encode())

    def unserialize(cls: Any, codegen: Any, state: Any) -> Any:
        name, kind, data = state
        if name not in _outer or kind != "object":
            return read(codegen, state)
        self = codegen.create_library(name)
        self.enable_object_caching()
        self._set_compiled_object(data[0])
        self._finalize_final_module()
        self._codegen._engine._defined_symbols.update(data[1].decode().split("\n"))
        return self

    library.serialize_using_object_code = serialize_using_object_code
    library._unserialize = classmethod(unserialize)


def _count_from_the_front() -> None:
    """An index is taken as it is: no loop counts from an array's end, so none need look for that at each access, which
    took a third of the sensors' time."""
    from numba.core import types
    from numba.np import arrayobj

    def fix_integer_index(context: Any, builder: Any, kind: Any, index: Any, size: Any) -> Any:
        return context.cast(builder, index, kind, types.intp if kind.signed else types.uintp)

    arrayobj.fix_integer_index = fix_integer_index


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
