"""`share` (STIX files, for hand-over without a network) and `feed` (TAXII collections that this node pulls)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import click
import orjson

from vonggac.bootstrap import Node
from vonggac.call import Call
from vonggac.commands.options import named, node_of
from vonggac.domain.access import OPERATOR
from vonggac.domain.marking import parse_tlp
from vonggac.errors import InvalidRecord, SharingRefused, UnknownInput


@click.group()
def share() -> None:
    """Incidents and indicators as STIX 2.1 files, or into a collection."""


@share.command()
@click.argument("identities", metavar="ID…", nargs=-1, required=True)
@click.option("-o", "--output", type=click.File("wb", lazy=True), default="-", help="Default: standard output.")
@click.option("--max-tlp", default="amber", show_default=True, help="Refuse anything marked stricter.")
@click.pass_obj
def export(call: Call, identities: tuple[str, ...], output: IO[bytes], max_tlp: str) -> None:
    """These incidents as one STIX 2.1 bundle."""
    from sharing.stix import bundle

    node = node_of(call)
    objects = _objects_of(node, identities, max_tlp)
    output.write(orjson.dumps(bundle(objects, node.uuid()), option=orjson.OPT_INDENT_2) + b"\n")
    output.flush()


def _objects_of(node: Node, identities: Sequence[str], max_tlp: str) -> list[dict[str, Any]]:
    """The incidents' STIX objects, each once. Raises SharingRefused for one that is marked too strictly."""
    limit = parse_tlp(max_tlp)
    objects: dict[str, dict[str, Any]] = {}
    for identity in identities:
        incident = node.store.incidents.get(named(node, identity))
        if incident.tlp.rank > limit.rank:
            label = incident.tlp.label
            raise SharingRefused("tlp_too_strict", id=identity, tlp=label, collection="STIX", most=limit.label)
        objects |= {obj["id"]: obj for obj in node.exchange.objects_of(incident, node.directory())}
    return list(objects.values())


@share.command("import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--agency", help="Whose file it is: it may speak for that agency and those below it only.")
@click.pass_obj
def import_(call: Call, path: Path, agency: str | None) -> None:
    """Takes the incidents and indicators of a STIX 2.1 bundle; says what was taken and what was refused, and why."""
    from sharing.exchange import Sender

    node = node_of(call)
    objects = _bundle_objects(path)
    came = node.exchange.accept(objects, Sender(path.name, agency), node.directory())
    for refusal in came.refused:
        call.refuse(InvalidRecord("object_refused", location=refusal.location, line=0, reason=refusal.reason))
    call.show(
        {
            "taken": came.taken,
            "incidents": came.incidents,
            "indicators": came.indicators,
            "others": came.others,
            "known": came.known,
            "refused": len(came.refused),
        }
    )


@share.command()
@click.argument("identity", metavar="ID")
@click.option("--collection", default="incidents", show_default=True)
@click.pass_obj
def publish(call: Call, identity: str, collection: str) -> None:
    """An incident's objects into a TAXII collection of this node."""
    node = node_of(call)
    node.exchange.ensure_collections()
    identity = named(node, identity)
    results = node.exchange.share(identity, OPERATOR, node.directory(), collection)
    call.show({"id": identity, "collection": collection, "objects": len(results)})


def _bundle_objects(path: Path) -> list[object]:
    try:
        data = orjson.loads(sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes())
    except OSError as error:
        raise UnknownInput("input_missing", location=path, reason=error.strerror) from error
    except orjson.JSONDecodeError as error:
        raise UnknownInput("bundle_broken", location=path, reason=error) from error
    objects = data.get("objects") if isinstance(data, dict) and data.get("type") == "bundle" else None
    if not isinstance(objects, list):
        raise UnknownInput("bundle_broken", location=path, reason="no bundle with objects")
    return objects


@click.group()
def feed() -> None:
    """TAXII 2.1 collections that this node pulls."""


@feed.command()
@click.argument("name")
@click.argument("url", metavar="COLLECTION_URL")
@click.option("--user", default="")
@click.option("--password-stdin", is_flag=True, help="The password is the first line of standard input.")
@click.option("--agency", help="The feed may speak for this agency and those below it only.")
@click.option("--insecure", is_flag=True, help="Allow plain HTTP beyond this machine.")
@click.pass_obj
def add(call: Call, name: str, url: str, user: str, password_stdin: bool, agency: str | None, insecure: bool) -> None:
    """A feed to pull from now on."""
    from sharing.subscribe import Feed, add_feed, feed_data
    from vonggac.commands.options import read_password

    made = Feed(name, url, user, read_password() if password_stdin else "", agency)
    add_feed(node_of(call).store.records, made, insecure=insecure)
    call.show(feed_data(made))


@feed.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """Every feed and how its last pull went."""
    from sharing.subscribe import feed_data, feeds

    items = [feed_data(each) for each in feeds(node_of(call).store.records)]
    call.table(items, ("name", "url", "last_pull", "last_result"))


@feed.command()
@click.argument("name")
@click.pass_obj
def pull(call: Call, name: str) -> None:
    """Pulls it now."""
    node = node_of(call)
    came = node.subscriber.pull(name, node.directory())
    for refusal in came.refused:
        call.refuse(InvalidRecord("object_refused", location=refusal.location, line=0, reason=refusal.reason))
    call.show(
        {
            "name": name,
            "taken": came.taken,
            "incidents": came.incidents,
            "indicators": came.indicators,
            "known": came.known,
            "refused": len(came.refused),
        }
    )


@feed.command()
@click.argument("name")
@click.argument("identities", metavar="ID…", nargs=-1, required=True)
@click.option("--max-tlp", default="amber", show_default=True, help="Refuse anything marked stricter.")
@click.pass_obj
def push(call: Call, name: str, identities: tuple[str, ...], max_tlp: str) -> None:
    """Submits incidents to the feed's collection, where the peer lets us write."""
    node = node_of(call)
    taken, refused = node.subscriber.push(name, _objects_of(node, identities, max_tlp))
    for reason in refused:
        call.refuse(InvalidRecord("object_refused", location=name, line=0, reason=reason))
    call.show({"name": name, "taken": taken, "refused": len(refused)})


@feed.command()
@click.argument("name")
@click.pass_obj
def remove(call: Call, name: str) -> None:
    """No longer pulled; what it brought stays."""
    from sharing.subscribe import remove_feed

    remove_feed(node_of(call).store.records, name)
    call.show({"name": name, "removed": True})
