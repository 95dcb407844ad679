"""Which of many rules an event may fulfil, found in its text: tables of rules, and batches of events, for `loops`."""
