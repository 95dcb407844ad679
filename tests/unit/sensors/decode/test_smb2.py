from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import smb2
from sensors.decode.fault import Undecodable
from sensors.decode.smb2 import Fields
from tests.unit.sensors import windows_wire as w


def test_a_header_is_read():
    header = smb2.decode_header(w.smb2(smb2.CREATE, b"", 7, status=0xC0000034))
    assert (header.command, header.status, header.response) == (smb2.CREATE, 0xC0000034, True)
    assert (header.message_id, header.tree_id, header.session_id) == (7, w.TREE, w.SESSION)


def test_an_asynchronous_header_has_no_tree():
    assert smb2.decode_header(w.smb2(smb2.CREATE, b"", 7, flags=smb2.ASYNC_FLAG)).tree_id == 0


@pytest.mark.parametrize("spoilt", [{4: 0}, {12: 0xFF}, {20: 3}])
def test_a_header_that_is_none_is_refused(spoilt):
    data = bytearray(w.smb2(smb2.READ, b"", 1))
    for at, value in spoilt.items():
        data[at] = value
    with pytest.raises(Undecodable):
        smb2.decode_header(bytes(data))


def test_dialects_are_written_as_suricata_writes_them():
    assert [smb2.dialect_text(n) for n in (0x0202, 0x0210, 0x02FF, 0x0300, 0x0302, 0x0311)] == [
        "2.02", "2.10", "2.??", "3.00", "3.02", "3.11",
    ]  # fmt: skip


def body(message: bytes) -> Fields:
    return Fields(message)


def test_a_create_says_what_is_opened_and_how():
    said = smb2.create_request(body(w.smb2(smb2.CREATE, w.create_request("báo cáo\\quý 1.docx", options=0x1000), 1)))
    assert said.name == "báo cáo\\quý 1.docx"
    assert (said.disposition, said.access, said.delete_on_close, said.directory) == ("FILE_OPEN", 0x120089, True, False)


def test_a_read_takes_as_much_as_is_here():
    whole = w.smb2(smb2.READ, w.read_response(b"0123456789"), 1)
    extent = smb2.read_response(body(whole[:-4]))
    assert (extent.size, extent.data) == (10, b"012345")


def test_a_buffer_outside_of_its_message_is_refused():
    with pytest.raises(Undecodable) as fault:
        smb2.tree_request(body(w.smb2(smb2.TREE_CONNECT, w.tree_request("\\\\a\\b")[:-2], 1)))
    assert fault.value.reason == "buffer"


def test_a_rename_says_the_new_name():
    assert smb2.renamed(bytes(16) + (8).to_bytes(4, "little") + w.wide("mới.")) == "mới."


_REQUESTS = [
    (smb2.negotiate_request, w.negotiate_request(0x0210, 0x0311)),
    (smb2.negotiate_response, w.negotiate_response()),
    (smb2.setup_request, w.setup_request(b"token")),
    (smb2.setup_response, w.setup_response(b"token")),
    (smb2.tree_request, w.tree_request("\\\\s\\c$")),
    (smb2.create_request, w.create_request("a")),
    (smb2.create_response, w.create_response(3)),
    (smb2.close_response, w.close_response()),
    (smb2.read_request, w.read_request(0, 1)),
    (smb2.read_response, w.read_response(b"x")),
    (smb2.write_request, w.write_request(0, b"x")),
    (smb2.ioctl_request, w.ioctl_request(smb2.PIPE_TRANSCEIVE, b"x")),
    (smb2.ioctl_response, w.ioctl_response(smb2.PIPE_TRANSCEIVE, b"x")),
    (smb2.set_info, w.set_info_request(10, bytes(30))),
    (smb2.query_info, w.set_info_request(10, bytes(30))),
    (smb2.directory_pattern, bytes(24) + b"\x60\0\x02\0*\0"),
]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_REQUESTS), st.integers(0, 120), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(case, keep, tail):
    decode, valid = case
    with contextlib.suppress(Undecodable):
        decode(Fields(w.smb2(1, valid[:keep] + tail, 1)))
    with contextlib.suppress(Undecodable):
        smb2.decode_header(w.smb2(1, b"", 1)[:keep] + tail)
    with contextlib.suppress(Undecodable):
        smb2.renamed(tail)
