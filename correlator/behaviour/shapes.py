"""How a name looks: letters that the eye takes for others, and how far two words are apart for eye and hand."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping

#: Letters of other scripts, and Latin ones that do not decompose, by the plain letter that they look like.
_LOOKS_LIKE: Mapping[str, str] = {
    look: letter
    for letter, looks in {
        "a": "аαɑ", "b": "ЬвƄ", "c": "сϲ", "d": "ԁđɖ", "e": "еєҽ", "g": "ɡԍց", "h": "һհ", "i": "іıɩίϊ", "j": "ј",
        "k": "кκ", "l": "ӏⅼłǀ", "m": "мⅿ", "n": "ոп", "o": "оοօøσ", "p": "рρ", "q": "ԛզ", "r": "гѓ", "s": "ѕꜱ",
        "t": "тτ", "u": "υսц", "v": "νѵⅴ", "w": "ѡԝա", "x": "хχ", "y": "уүγ", "z": "ᴢʐ",
    }.items()
    for look in looks
}  # fmt: skip
_DIGITS = str.maketrans("0135|", "olesl")
_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def decoded(name: str) -> str:
    """The name with its `xn--` labels in their own letters (RFC 3492); a label that is broken stays as it is."""
    return ".".join(_label(label) for label in name.split("."))


def _label(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return label[4:].encode("ascii").decode("punycode").lower()
    except UnicodeError:
        return label


def plain(text: str) -> str:
    """The text in ASCII letters: marks taken off (Vietnamese ones too), look-alikes replaced."""
    bare = "".join(_LOOKS_LIKE.get(letter, letter) for letter in text)
    return "".join(letter for letter in unicodedata.normalize("NFKD", bare) if not unicodedata.combining(letter))


def skeleton(text: str) -> str:
    """What two texts share when the eye takes one for the other: plain, without hyphens, `1`, `i` and `l` as one."""
    found = plain(text).replace("-", "").translate(_DIGITS)
    for pair, letter in _PAIRS:
        found = found.replace(pair, letter)
    return found.replace("i", "l")


def _neighbours() -> frozenset[tuple[str, str]]:
    near: set[tuple[str, str]] = set()
    places = {letter: (row, at + row * 0.5) for row, keys in enumerate(_ROWS) for at, letter in enumerate(keys)}
    for one, (row, at) in places.items():
        for other, (other_row, other_at) in places.items():
            if one != other and abs(row - other_row) <= 1 and abs(at - other_at) <= 1:
                near.add((one, other))
    return frozenset(near)


_NEAR_KEYS = _neighbours()
_LIKE_EACH_OTHER = ("mn", "uv", "vw", "ce", "oc", "gq", "bd", "ij", "it", "ft", "hn", "oa")
_ALIKE = frozenset((text[at], text[1 - at]) for text in _LIKE_EACH_OTHER for at in (0, 1))


def distance(one: str, other: str, most: float) -> float:
    """Damerau-Levenshtein distance (optimal string alignment) with weights; more than `most` may be any larger number.

    A letter in place of one beside it on the keyboard or like it to the eye costs 0.5, two letters turned round 0.5, a
    letter doubled or made single 0.5, all else 1.
    """
    if abs(len(one) - len(other)) * 0.5 > most:
        return most + 1
    before: list[float] = []
    row: list[float] = [float(at) for at in range(len(other) + 1)]
    for at, letter in enumerate(one, 1):
        last, row = row, [float(at)]
        for there, wanted in enumerate(other, 1):
            best = min(
                last[there - 1] + _swap(letter, wanted),
                last[there] + (0.5 if at > 1 and one[at - 2] == letter else 1.0),
                row[there - 1] + (0.5 if there > 1 and other[there - 2] == wanted else 1.0),
            )
            if at > 1 and there > 1 and letter == other[there - 2] and one[at - 2] == wanted and letter != wanted:
                best = min(best, before[there - 2] + 0.5)
            row.append(best)
        if min(row) > most and min(last) > most:
            return most + 1
        before = last
    return row[-1]


def _swap(letter: str, wanted: str) -> float:
    if letter == wanted:
        return 0.0
    return 0.5 if (letter, wanted) in _NEAR_KEYS or (letter, wanted) in _ALIKE else 1.0
