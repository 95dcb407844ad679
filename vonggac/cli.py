"""The command line: global options, lazily imported commands, one place where errors become sentences and exit codes.

stdout carries data, stderr carries messages. Exit codes (contract): 0 done, 1 done but some input was refused, 2 usage,
3 no such input or of no known kind, 4 store or peer unavailable, 5 refused by policy, 130 interrupted.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from vonggac import __version__
from vonggac.call import Call, printable
from vonggac.errors import UnknownInput, UsageRefused, VonggacError
from vonggac.messages import LANGUAGES, say
from vonggac.settings import Settings, load

#: Each command and where it lives; the short help is `help.<name>` of the catalogue.
COMMANDS: Mapping[str, str] = {
    "demo": "vonggac.commands.demo:demo",
    "sense": "vonggac.commands.detecting:sense",
    "detect": "vonggac.commands.detecting:detect",
    "ingest": "vonggac.commands.detecting:ingest",
    "evidence": "vonggac.commands.evidence:evidence",
    "serve": "vonggac.commands.serving:serve",
    "sensor": "vonggac.commands.sensing:sensor",
    "ship": "vonggac.commands.sensing:ship",
    "probe": "vonggac.commands.probing:probe",
    "hunt": "vonggac.commands.hunting:hunt",
    "rules": "vonggac.commands.rules:rules",
    "incident": "vonggac.commands.incidents:incident",
    "suppression": "vonggac.commands.suppressions:suppression",
    "agency": "vonggac.commands.agencies:agency",
    "coverage": "vonggac.commands.coverage:coverage",
    "stats": "vonggac.commands.reports:stats",
    "duty": "vonggac.commands.duties:duty",
    "share": "vonggac.commands.sharing:share",
    "feed": "vonggac.commands.sharing:feed",
    "user": "vonggac.commands.accounts:user",
    "token": "vonggac.commands.accounts:token",
    "db": "vonggac.commands.upkeep:db",
    "doctor": "vonggac.commands.upkeep:doctor",
}

#: Global options may stand before or after the command: name -> whether it takes a value.
GLOBAL_OPTIONS: Mapping[str, bool] = {
    "--data-dir": True,
    "--config": True,
    "--lang": True,
    "--store": True,
    "--quiet": False,
    "--json": False,
}


class Commands(click.Group):
    """Imports a command's module only when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        lang = os.environ.get("VONGGAC_LANG", "")
        for at, word in enumerate(sys.argv[:-1]):
            lang = sys.argv[at + 1] if word == "--lang" else lang
        with formatter.section("Commands"):
            formatter.write_dl([(name, say("vi" if lang == "vi" else "en", f"help.{name}")) for name in COMMANDS])


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="vonggac")
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of the embedded store and the spool.")
@click.option("--config", type=click.Path(path_type=Path), help="TOML file of settings.")
@click.option("--lang", type=click.Choice(LANGUAGES), help="Language of messages; both when not given.")
@click.option("--store", "store_url", help="http(s)://… for Elasticsearch; the embedded store when not given.")
@click.option("--quiet", is_flag=True, help="No progress and no messages but errors.")
@click.option("--json", "as_json", is_flag=True, help="JSON on a terminal too.")
@click.pass_context
def cli(ctx: click.Context, /, config: Path | None, quiet: bool, as_json: bool, **flags: Any) -> None:
    """Vọng Gác: from the packet to the national report."""
    settings = load(os.environ, flags, config)
    languages = (settings.lang,) if settings.lang else LANGUAGES
    ctx.obj = Call(settings, quiet, as_json, _languages=languages)


def hoist(arguments: Sequence[str]) -> list[str]:
    """The arguments with global options moved to the front, so that they may be given after the command."""
    front: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for word in waiting:
        name = word.partition("=")[0]
        if word == "--":
            rest += [word, *waiting]
        elif name in GLOBAL_OPTIONS:
            front.append(word)
            if GLOBAL_OPTIONS[name] and "=" not in word:
                front += [value for value in [next(waiting, None)] if value is not None]
        else:
            rest.append(word)
    return front + rest


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs one call and exits with the contract's code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """The exit code of one call."""
    # Events are trees, which need no search for cycles; with Python's own thresholds a sixth of the time goes into it.
    gc.set_threshold(50_000, 20, 50)
    hoisted = hoist(arguments)
    context: click.Context | None = None
    try:
        with cli.make_context("vonggac", hoisted) as context:
            cli.invoke(context)
        call = context.obj
        sys.stdout.flush()
        return call.exit_code or int(call.refused > 0) if isinstance(call, Call) else 0
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        error.show()
        return 2
    except (KeyboardInterrupt, click.Abort):
        return 130
    except BrokenPipeError:
        # The reader of our output has gone; there is nobody left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except VonggacError as error:
        return _fail(error, context)
    except OSError as error:
        return _fail(_our_error(error), context)


def _fail(error: VonggacError, context: click.Context | None) -> int:
    call = context.obj if context is not None and isinstance(context.obj, Call) else Call(Settings())
    call.refuse(error)
    if error.detail and not call.quiet:
        sys.stderr.write(f"  ({printable(error.detail)})\n")
    return error.exit_code


def _our_error(error: OSError) -> VonggacError:
    """An operating system's refusal that no room caught: the file or the disk says what it is."""
    import errno

    place = error.filename or "?"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        from vonggac.errors import StoreUnavailable

        return StoreUnavailable("disk_full", location=place)
    if isinstance(error, FileNotFoundError):
        return UnknownInput("input_missing", location=place, reason=error.strerror)
    return UsageRefused("os_refused", location=place, reason=error.strerror)
