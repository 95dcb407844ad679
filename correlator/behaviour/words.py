"""How much a name looks like one that people made: a model of letter pairs over words, names and Vietnamese syllables.

`python -m correlator.behaviour.words WORDS…` writes the model from text files (their words of letters) and from the
syllables that Vietnamese can form, written without marks. The shipped one was made from this repository's pages and
from the registered names of the "Cisco Umbrella top 1000" warning list of MISP (CC0).
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from math import log2
from pathlib import Path

MODEL = Path(__file__).with_name("bigrams.json")
_EDGE = "^"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789-"
_INITIALS = re.findall(r"\w+", "b c ch d g gh gi h k kh l m n ng ngh nh p ph qu r s t th tr v x")
_RIMES = re.findall(
    r"\w+",
    "a ac ach ai am an ang anh ao ap at au ay e ec em en eng eo ep et i ia ich iec iem ien ieng iep iet ieu im in inh "
    "ip it iu o oa oac oai oan oang oat oc oe oi om on ong op ot u ua uc ui um un ung uoc uoi uom uon uong uot up ut "
    "uu uy uyen uyet y yen yeu",
)
#: Vietnamese syllables are few: each counts so often with every initial that may follow, to weigh about as the words.
_SYLLABLE_WEIGHT = 2


def syllables() -> Iterator[str]:
    """What Vietnamese can form of initial and rime, without marks (some of it means nothing)."""
    yield from (initial + rime for initial in ("", *_INITIALS) for rime in _RIMES)


def count_pairs(words: Iterable[str]) -> Counter[str]:
    """How often each pair of characters stands in the words, their edges included."""
    pairs: Counter[str] = Counter()
    for word in words:
        edged = _EDGE + word + _EDGE
        pairs.update(edged[at : at + 2] for at in range(len(edged) - 1))
    return pairs


def make_model(words: Iterable[str]) -> dict[str, float]:
    """Pair -> log2 of how likely its second character follows its first, with one added to each count."""
    pairs = count_pairs(words)
    for syllable in syllables():
        for following in (_EDGE, *_INITIALS):  # syllables stand alone and before others
            text = _EDGE + syllable + following
            pairs.update({text[at : at + 2]: _SYLLABLE_WEIGHT for at in range(len(text) - 1)})
    model: dict[str, float] = {}
    for first in _EDGE + _LETTERS:
        row = {second: pairs[first + second] + 1 for second in _LETTERS + _EDGE}
        total = sum(row.values())
        model |= {first + second: round(log2(count / total), 2) for second, count in row.items()}
    return model


@cache
def _model() -> dict[str, float]:
    loaded: dict[str, float] = json.loads(MODEL.read_text("utf-8"))
    return loaded


@lru_cache(65_536)
def plausibility(label: str) -> float:
    """Mean log2 likelihood of the label's letter pairs: about -4.5 for words and names, about -7 for random letters."""
    model = _model()
    edged = _EDGE + label + _EDGE
    return sum(model.get(edged[at : at + 2], -9.0) for at in range(len(edged) - 1)) / (len(edged) - 1)


def entropy(counts: Counter[str]) -> float:
    """Bits per character of a text with these counts of characters."""
    total = sum(counts.values())
    return -sum(count / total * log2(count / total) for count in counts.values()) if total else 0.0


def main(paths: list[str]) -> None:
    words = [
        word
        for path in paths
        for word in re.findall(r"[a-z][a-z-]{2,}", Path(path).read_text("utf-8", "ignore").lower())
    ]
    MODEL.write_text(json.dumps(make_model(words), separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
