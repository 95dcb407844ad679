"""What the rest of the room asks of the taxonomies."""

from correlator.sigma.taxonomy import LogSource, Origin, Paths, applies, only_zeek_says, origin_of, paths_of

__all__ = ["LogSource", "Origin", "Paths", "applies", "only_zeek_says", "origin_of", "paths_of"]
