"""Traffic that we make ourselves, for the demo, the golden cases and the benchmarks: reserved addresses and names only.

Inside an agency is 10.0.0.0/8; outside are the documentation networks (RFC 5737, RFC 3849); names are reserved ones
(RFC 2606, RFC 6761, RFC 7686).
"""
