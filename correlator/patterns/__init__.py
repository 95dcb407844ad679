"""STIX 2.1 patterns (§9): read with places in errors, and matched against observations or a stream of events."""
