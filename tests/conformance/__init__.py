"""How our events compare with what Suricata, Zeek, nDPI and Arkime say of the same captures.

Each reference has a translator, from our events to its own records, and a comparison, record by record; nothing in them
knows a capture by name. `python -m tests.conformance` prints the score and every miss.
"""
