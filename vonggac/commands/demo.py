"""`demo`: the whole thing on made captures, with no network needed."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vonggac.call import Call
from vonggac.settings import Settings

if TYPE_CHECKING:
    from vonggac.demo.run import Demo


@click.command()
@click.option("--once", is_flag=True, help="Do everything headless in a fresh folder, check it, and exit.")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port of the console (default 8000; with --once a free one)."
)
@click.pass_obj
def demo(call: Call, once: bool, port: int | None) -> None:
    """A made working day at a ministry and two provinces: captured, matched, made into incidents, shared and counted.

    Prints a one-time admin link and a TAXII subscriber's credentials, and stays until Ctrl-C. With --once it compares
    what was found with what was planted and exits 0, or says what differs and exits 1.
    """
    from vonggac.bootstrap import bootstrap
    from vonggac.server import bind

    if port is None:
        port = 0 if once else call.settings.serve_port
    listener = bind(call.settings.serve_host, port)
    fresh = tempfile.mkdtemp(prefix="vonggac-demo-") if once and _default_folder(call.settings) else None
    settings = _settings(call.settings, Path(fresh) if fresh else None, once)
    node = bootstrap(settings)
    try:
        node.store.check()
        run(call, node_demo(call, node, listener, settings), once)
    finally:
        node.close()
        if fresh:
            shutil.rmtree(fresh, ignore_errors=True)


def node_demo(call: Call, node: object, listener: object, settings: Settings) -> Demo:
    from vonggac.demo.run import Demo

    return Demo(call, node, listener, settings.data_dir / "captures")  # type: ignore[arg-type]


def run(call: Call, show: Demo, once: bool) -> None:
    """Starts, plays and, with `once`, checks; else stays until it is interrupted."""
    from vonggac.demo.run import made_captures
    from vonggac.pipeline import accounts

    show.folder.mkdir(parents=True, exist_ok=True)
    with made_captures(show.folder) as captures:
        show.start()
        try:
            show.play(captures)
            figures = show.figures
            stages = accounts(show.node.store.records)
            figures.packets, figures.events = stages["sensor"].passed, show.node.store.events.count_events()
            figures.detections, figures.incidents = show.node.store.events.count_detections(), len(show.incidents())
            if once:
                check(call, show)
            else:
                farewell(call, show)
                show.console.wait()
        finally:
            show.stop()


def check(call: Call, show: Demo) -> None:
    """Prints the figures; every difference is a sentence on stderr and makes the exit code 1."""
    from vonggac.demo.check import differences
    from vonggac.demo.run import peak_rss_mb

    found = differences(show)
    for key, facts in found:
        call.tell(key, **facts)
    call.refused += len(found)
    figures = asdict(show.figures)
    peak = peak_rss_mb() + figures.pop("child_rss_mb")
    summary = {"ok": not found, **figures, "peak_rss_mb": peak, "differences": len(found)}
    call.show({name: round(value, 2) if isinstance(value, float) else value for name, value in summary.items()})


def farewell(call: Call, show: Demo) -> None:
    """Where to go and what to look at first."""
    from vonggac.demo.run import SUBSCRIBER

    call.tell(
        "demo.look",
        link=show.admin_link(),
        taxii=f"{show.url}/taxii2/",
        collection=show.taxii_collection,
        user=SUBSCRIBER,
        password=show.password,
        stats=f"{show.url}/stats?period=2020-M1..M4",
        incidents=show.figures.incidents,
    )


def _default_folder(settings: Settings) -> bool:
    return settings.data_dir == Settings().data_dir


def _settings(settings: Settings, fresh: Path | None, once: bool) -> Settings:
    """A folder and index names of the demo's own, so that it never touches real data."""
    folder = fresh or (settings.data_dir / "demo" if _default_folder(settings) else settings.data_dir)
    prefix = f"{settings.store_prefix}-demo" + (f"-{folder.name.rpartition('-')[2].lower()}" if once else "")
    return replace(settings, data_dir=folder, store_prefix=prefix, node_name="Trung tâm mẫu")
