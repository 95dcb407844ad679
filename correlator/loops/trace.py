"""What of an event tells its log source, as a key: the same key, the same source."""

from __future__ import annotations

from correlator.loops.tokens import (
    ARRAY,
    CLOSED,
    DEPTH,
    OBJECT,
    TOKEN_AT,
    TOKEN_END,
    TOKEN_HASH,
    TOKEN_KIND,
    TOKEN_NAME,
    TOKEN_NAME_SIZE,
    VALUE,
    Bytes,
    Names,
    Small,
    find_name,
)

#: A longer value that tells of the source is left to Python.
LONGEST_VALUE = 256


def trace(
    names: Names,
    blob: Bytes,
    tokens: Small,
    firsts: Small,
    first: int,
    end: int,
    stack: Small,
    keys: Bytes,
    ends: Small,
) -> None:
    """`keys` holds the keys of the events from `first` to `end`, each up to its `ends`; an empty one says nothing.

    A key is the names and kinds of what stands at the top and below the names that are asked, and their values.
    """
    size = 0
    for event in range(first, end):
        size = trace_event(names, blob, tokens, int(firsts[event]), int(firsts[event + 1]), stack, keys, size)
        ends[event - first] = size


def trace_event(
    names: Names, blob: Bytes, tokens: Small, token: int, end: int, stack: Small, keys: Bytes, begin: int
) -> int:
    depth, size = 0, begin
    while token < end:
        kind = int(tokens[token, TOKEN_KIND])
        if kind == CLOSED:
            if stack[depth] >= 0:
                keys[size] = CLOSED
                size += 1
            depth -= 1
            token += 1
            continue
        node = int(stack[depth]) if depth else 0
        told = node >= 0
        if told and tokens[token, TOKEN_NAME_SIZE] >= 0:
            start, length = int(tokens[token, TOKEN_NAME]), int(tokens[token, TOKEN_NAME_SIZE])
            node = find_name(names, blob, start, length, int(tokens[token, TOKEN_HASH]), node)
            size = copy(blob, start, length, keys, size)
        if told:
            keys[size] = kind
            size += 1
        if kind == VALUE:
            if node >= 0 and names.nodes[node, 0] >= 0:
                start, length = int(tokens[token, TOKEN_AT]), int(tokens[token, TOKEN_END] - tokens[token, TOKEN_AT])
                if length > LONGEST_VALUE:
                    return begin
                size = copy(blob, start, length, keys, size)
        elif kind in (OBJECT, ARRAY) and depth < DEPTH:
            depth += 1
            stack[depth] = node
        token += 1
    return size


def copy(blob: Bytes, start: int, length: int, keys: Bytes, size: int) -> int:
    for at in range(length):
        keys[size + at] = blob[start + at]
    return size + length


LOOPS = (copy, trace_event, trace)
