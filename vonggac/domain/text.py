"""Vietnamese text: kept in NFC, found with or without marks, sorted as a Vietnamese dictionary sorts."""

from __future__ import annotations

import unicodedata

_BASE = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}  # huyền hỏi ngã sắc nặng
_SHAPES = {"\u0306", "\u0302", "\u031b"}  # breve, circumflex, horn: part of the letter


class _Unmarked(dict[int, int | None]):
    """What `str.translate` makes of each character, found out when it is first seen: nothing of a mark, d of đ."""

    def __missing__(self, char: int) -> int | None:
        self[char] = None if unicodedata.combining(chr(char)) else ord("d") if chr(char) == "đ" else char
        return self[char]


_UNMARKED = _Unmarked()


def nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def caseless(text: str) -> str:
    """The text as rules compare it: lower case, one code point for each (so İ is i, and ς at a word's end is σ)."""
    return text.lower() if text.isascii() else text.replace("İ", "i").lower().replace("ς", "σ")


def fold(text: str) -> str:
    """Lower case without any mark, đ as d: what a search without marks must find."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFD", text.casefold()).translate(_UNMARKED)


def sort_key(text: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Letters first in the order of the Vietnamese alphabet, then tones: ngang huyền hỏi ngã sắc nặng."""
    letters: list[int] = []
    tones: list[int] = []
    for char in unicodedata.normalize("NFC", text.casefold()):
        letter, tone = _letter_and_tone(char)
        at = _BASE.find(letter)
        letters.append(at + 1000 if at >= 0 else ord(letter[0]) if letter < "a" else ord(letter[0]) + 2000)
        tones.append(tone)
    return tuple(letters), tuple(tones)


def _letter_and_tone(char: str) -> tuple[str, int]:
    decomposed = unicodedata.normalize("NFD", char)
    base, marks = decomposed[0], decomposed[1:]
    tone = next((_TONES[mark] for mark in marks if mark in _TONES), 0)
    return unicodedata.normalize("NFC", base + "".join(mark for mark in marks if mark in _SHAPES)), tone
