"""One reader of packets, run as a process of its own: `python -m tests.bench.sensor NAME CAPTURE` prints a JSON object
with what it counted, the seconds it took without imports, and its peak memory.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Counts = dict[str, int]


def cypcap(path: str) -> Counts:
    """libpcap's own reading from Python: every packet handed over, nothing looked at."""
    import cypcap as peer

    with peer.open_offline(path) as capture:
        return {"packets": sum(1 for _ in capture)}


def softflowd(path: str) -> Counts:
    """Flows only, in C, exported as NetFlow 9 to a port of loopback where nobody listens."""
    command = ["softflowd", "-r", path, "-n", "127.0.0.1:9", "-v", "9", "-d"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    packets = re.search(r"Packets processed: (\d+)", done.stdout + done.stderr)
    return {"packets": int(packets[1]) if packets else 0}


def headers(path: str) -> Counts:
    """Ours, headers and flows only: flow records as columns."""
    from sensors import kernel
    from sensors.compiled import Loops
    from sensors.decode.frame import decode_frame
    from sensors.flows import FlowTable
    from sensors.pcap import chunks
    from sensors.streams import Moment

    loops = Loops(path)
    table = FlowTable(loops=loops.functions, payloads=False)
    packets = flows = 0

    def ended() -> int:
        told, count = table.taken()
        numbers = told[:count][told[:count, 0] == kernel.END, 1]
        records = table.flows[numbers]
        table.release(numbers)
        return len(records)

    with Path(path).open("rb") as stream:
        for chunk in chunks(stream, path, loops):
            at = 0
            while at < chunk.packets:
                stop = table.run(chunk, at)
                at = -stop - 1 if stop < 0 else stop
                if 0 <= stop < chunk.packets:
                    frame = decode_frame(chunk.linktype, chunk.packet(at), int(chunk.wires[at]))
                    for segment in frame.segments:
                        table.enter(segment, frame.vlans, 1, Moment(chunk.first + at, int(chunk.times[at])))
                    at += 1
            flows += ended()
            packets += chunk.packets
    for _ in table.finish():
        flows += ended()
    return {"packets": packets, "flows": flows}


def ours(path: str) -> Counts:
    """Ours, full depth, to ECS events as JSON lines."""
    import gc

    from sensors import open_source
    from sensors.base import Origin

    gc.set_threshold(50_000, 20, 50)  # as `vonggac.cli` has it
    packets = events = 0
    for batch in open_source(path, Origin("bench")):
        packets += batch.taken
        events += len(batch.events)
    return {"packets": packets, "events": events}


def nfstream(path: str) -> Counts:
    """nDPI under nfstream, one meter, its usual depth of 20 packets."""
    from nfstream import NFStreamer

    packets = flows = 0
    for flow in NFStreamer(source=path, n_meters=1, n_dissections=20):
        packets += flow.bidirectional_packets
        flows += 1
    return {"packets": packets, "flows": flows}


def dpkt(path: str) -> Counts:
    """dpkt's Ethernet, and its DNS, HTTP and TLS where the ports say so."""
    import dpkt as peer

    packets = 0
    with Path(path).open("rb") as stream:
        for _, data in peer.pcap.Reader(stream):
            packets += 1
            try:
                _dpkt_application(peer, peer.ethernet.Ethernet(data))
            except (peer.Error, peer.ssl.SSL3Exception, ValueError, IndexError, AttributeError):
                continue
    return {"packets": packets}


def _dpkt_application(peer: Any, frame: Any) -> None:
    segment = getattr(frame.data, "data", None)
    payload = getattr(segment, "data", b"")
    if not payload or not hasattr(segment, "sport"):
        return
    ports = {segment.sport, segment.dport}
    if 53 in ports and isinstance(segment, peer.udp.UDP):
        peer.dns.DNS(payload)
    elif 80 in ports:
        (peer.http.Response if payload.startswith(b"HTTP") else peer.http.Request)(payload)
    elif 443 in ports:
        peer.ssl.tls_multi_factory(payload)


def scapy(path: str) -> Counts:
    """scapy's PcapReader on the first 20,000 packets."""
    from itertools import islice

    from scapy.utils import PcapReader

    with PcapReader(path) as reader:
        return {"packets": sum(1 for _ in islice(reader, 20_000))}


READERS: dict[str, Callable[[str], Counts]] = {
    reader.__name__: reader for reader in (cypcap, softflowd, headers, ours, nfstream, dpkt, scapy)
}


def main(name: str, path: str) -> None:
    if name in ("headers", "ours"):
        from sensors import compiled

        compiled.main()  # loads what the install compiled, as the peers' imports are not counted either
    began = time.perf_counter()
    counts = READERS[name](path)
    seconds = time.perf_counter() - began
    peak = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    print(json.dumps({**counts, "seconds": seconds, "peak_mb": int(peak[1]) // 1024 if peak else 0}))


if __name__ == "__main__":
    main(*sys.argv[1:3])
