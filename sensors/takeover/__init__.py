"""Talks taken over from the loops: built in the state in which they would be had they heard everything themselves."""
