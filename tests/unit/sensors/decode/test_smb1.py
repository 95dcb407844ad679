from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import smb1
from sensors.decode.fault import Undecodable
from tests.unit.sensors import windows_wire as w

ANDX = b"\xff\0\0\0"
SETUP = ANDX + struct.pack("<HHHIHHII", 4356, 10, 0, 0, 24, 24, 0, 0xD4)
CREATE = ANDX + struct.pack("<BHIIIQIIIIIB", 0, 8, 0x16, 0, 0x2019F, 0, 0, 3, 1, 0, 2, 3)


def blocks(message: bytes) -> list[smb1.Block]:
    return smb1.blocks(message, smb1.decode_header(message))


def test_a_header_is_read():
    header = smb1.decode_header(w.smb1(smb1.NEGOTIATE, b"", b"", 64, status=0))
    assert (header.command, header.response, header.unicode, header.nt_status) == (smb1.NEGOTIATE, True, True, True)
    assert (header.tree, header.process, header.user, header.multiplex) == (9, 77, 0x801, 64)


def test_offered_dialects_are_read():
    (block,) = blocks(w.smb1(smb1.NEGOTIATE, b"", b"\x02NT LM 0.12\0\x02SMB 2.002\0", 1))
    assert smb1.offered_dialects(block) == ("NT LM 0.12", "SMB 2.002")


def test_a_login_without_extended_security_names_its_user_and_steps_over_the_passwords():
    texts = b"".join(w.wide(text) + b"\0\0" for text in ("an", "BTC", "Windows 5.1", "NT LAN"))
    (block,) = blocks(w.smb1(smb1.SESSION_SETUP, SETUP, b"P" * 48 + b"\0" + texts, 1))
    said = smb1.setup_request(block)
    assert (said.user, said.domain, said.native_os, said.native_lm) == ("an", "BTC", "Windows 5.1", "NT LAN")


def test_a_chain_is_followed_forwards_only():
    second = struct.pack("<B4sHHH", 4, ANDX, 8, 1, 25) + b"\0" + w.wide("\\\\S\\IPC$") + b"\0\0" + b"?????\0"
    first = b"\x75\0" + struct.pack("<H", 32 + 1 + 26 + 2 + 48)
    message = w.smb1(smb1.SESSION_SETUP, first + SETUP[4:], b"P" * 48 + second, 1)
    both = blocks(message)
    assert [block.command for block in both] == [smb1.SESSION_SETUP, smb1.TREE_CONNECT_ANDX]
    loop = w.smb1(smb1.SESSION_SETUP, b"\x73\0\x20\0" + SETUP[4:], b"", 1)
    assert len(blocks(loop)) == 1


def test_an_opened_pipe_is_named():
    (block,) = blocks(w.smb1(smb1.NT_CREATE, CREATE, b"\0" + w.wide("\\svcctl") + b"\0\0", 1))
    said = smb1.create_request(block)
    assert (said.name, said.disposition, said.access) == ("\\svcctl", "FILE_OPEN", 0x2019F)


def test_reads_and_writes_say_where_they_are_in_the_file():
    words = ANDX + struct.pack("<HIHHIHI", 0x4000, 5, 60000, 0, 0, 0, 1)
    (block,) = blocks(w.smb1(smb1.READ_ANDX, words, b"", 1))
    assert smb1.read_request(block)[:2] == ((1 << 32) + 5, 60000)
    words = ANDX + struct.pack("<HIIHHHHHI", 0x4000, 9, 0, 0, 0, 0, 4, 32 + 1 + 28 + 2, 0)
    (block,) = blocks(w.smb1(smb1.WRITE_ANDX, words, b"data", 1))
    assert smb1.write_request(block) == (9, 4, b"data")


def test_old_commands_name_their_paths():
    data = b"\4" + w.wide("\\a") + b"\0\0" + b"\4\0" + w.wide("\\b") + b"\0\0"
    (block,) = blocks(w.smb1(smb1.RENAME, b"\x16\0", data, 1))
    assert smb1.paths(block) == ["\\a", "\\b"]


def test_words_that_are_cut_are_refused():
    with pytest.raises(Undecodable):
        blocks(w.smb1(smb1.NT_CREATE, CREATE, b"", 1)[:50])


_CASES = [
    (smb1.NEGOTIATE, b"\0\0" + bytes(32), bytes(20), (smb1.offered_dialects, smb1.agreed_dialect)),
    (smb1.SESSION_SETUP, SETUP, b"P" * 50 + w.wide("an") + b"\0\0", (smb1.setup_request, smb1.setup_response)),
    (smb1.TREE_CONNECT_ANDX, ANDX + bytes(4), w.wide("\\\\a"), (smb1.tree_request, smb1.tree_response)),
    (smb1.NT_CREATE, CREATE + bytes(22), w.wide("a"), (smb1.create_request, smb1.create_response)),
    (smb1.TRANS, bytes(32), bytes(9), (smb1.transaction_request, smb1.transaction_response, smb1.file_id)),
    (smb1.TRANS2, bytes(26) + b"\1\0\1\0", bytes(9), (smb1.transaction_request,)),
    (smb1.READ_ANDX, bytes(24), bytes(9), (smb1.read_request, smb1.read_response, smb1.file_id)),
    (smb1.WRITE_ANDX, bytes(28), bytes(9), (smb1.write_request, smb1.paths)),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_CASES), st.integers(0, 130), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(case, keep, tail):
    command, words, data, decoders = case
    message = w.smb1(command, words, data, 1)[:keep] + tail
    with contextlib.suppress(Undecodable):
        for block in blocks(message):
            for decode in decoders:
                with contextlib.suppress(Undecodable):
                    decode(block)
