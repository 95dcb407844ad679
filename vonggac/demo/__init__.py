"""The demonstration: a made working day taken through every room of the house, and checked against what was planted."""
