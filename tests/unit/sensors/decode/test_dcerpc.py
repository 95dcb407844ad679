from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import dcerpc
from sensors.decode.dcerpc_names import INTERFACES, endpoint, operation
from sensors.decode.fault import Undecodable
from tests.unit.sensors.windows_wire import SAMR, bind, bind_ack, call, reply, rpc, trailer

SAMR_UUID = "12345778-1234-abcd-ef00-0123456789ac"


def header(data: bytes) -> dcerpc.Pdu:
    pdu = dcerpc.decode_header(data)
    assert pdu is not None
    return pdu


def test_a_bind_offers_interfaces():
    data = rpc(dcerpc.BIND, bind())
    (context,) = dcerpc.decode_contexts(header(data), data)
    assert (context.uuid, context.version) == (SAMR_UUID, "1.0")


def test_big_endian_interfaces_are_the_same():
    uuid = SAMR[3::-1] + SAMR[5:3:-1] + SAMR[7:5:-1] + SAMR[8:]
    context = struct.pack(">HBB", 0, 1, 0) + uuid + struct.pack(">I", 1) + bytes(20)
    data = rpc(dcerpc.BIND, struct.pack(">HHIB3x", 4280, 4280, 0, 1) + context, order=">")
    assert dcerpc.decode_contexts(header(data), data)[0].uuid == SAMR_UUID


def test_an_answer_says_where_and_what_is_accepted():
    data = rpc(dcerpc.BIND_ACK, bind_ack(result=2))
    assert dcerpc.decode_answer(header(data), data) == ("\\pipe\\lsass", ((2, 0),))


def test_stubs_are_measured_without_their_authentication():
    data = rpc(dcerpc.REQUEST, call(64, bytes(20)), auth=trailer(bytes(16)))
    assert dcerpc.decode_call(header(data), data) == (0, 20, 64, 0)
    security = dcerpc.decode_security(header(data), data)
    assert security == ("NTLM", "PKT_PRIVACY", bytes(16))


def test_a_fault_has_its_status():
    data = rpc(dcerpc.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, 5) + bytes(4))
    assert dcerpc.decode_call(header(data), data).status == 5


@pytest.mark.parametrize("spoilt", [b"\x04\0\x0b\x03\x10\0\0\0\x48\0", b"\x05\0\x0b\x03\x10\0\0\0\x08\0"])
def test_what_is_no_pdu_is_refused(spoilt):
    with pytest.raises(Undecodable):
        dcerpc.decode_header(spoilt + bytes(6))


def test_operations_that_matter_have_their_names():
    named = {
        ("samr", 13): "SamrEnumerateUsersInDomain", ("samr", 64): "SamrConnect5", ("lsarpc", 44): "LsarOpenPolicy2",
        ("srvsvc", 12): "NetrSessionEnum", ("srvsvc", 15): "NetrShareEnum", ("svcctl", 12): "CreateServiceW",
        ("svcctl", 19): "StartServiceW", ("drsuapi", 3): "DRSGetNCChanges", ("netlogon", 26): "NetrServerAuthenticate3",
        ("netlogon", 30): "NetrServerPasswordSet2", ("atsvc", 0): "NetrJobAdd", ("wkssvc", 2): "NetrWkstaUserEnum",
        ("ITaskSchedulerService", 1): "SchRpcRegisterTask", ("winreg", 22): "BaseRegSetValue",
        ("epmapper", 3): "ept_map",
        ("spoolss", 65): "RpcRemoteFindFirstPrinterChangeNotificationEx", ("spoolss", 89): "RpcAddPrinterDriverEx",
        ("efsrpc", 0): "EfsRpcOpenFileRaw", ("IWbemServices", 24): "ExecMethod", ("netdfs", 13): "NetrDfsRemoveStdRoot",
    }  # fmt: skip
    uuids = {known.name: uuid for uuid, known in INTERFACES.items()}
    assert {(name, number): operation(uuids[name], number) for name, number in named} == named
    assert endpoint("no-such-interface") is None


_VALID = (
    rpc(dcerpc.BIND, bind(), auth=trailer(b"NTLMSSP\0")), rpc(dcerpc.BIND_ACK, bind_ack()),
    rpc(dcerpc.REQUEST, call(1, bytes(8)), auth=trailer(bytes(16))), rpc(dcerpc.RESPONSE, reply(bytes(8))),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_VALID), st.integers(0, 110), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    data = valid[:keep] + tail
    with contextlib.suppress(Undecodable):
        pdu = dcerpc.decode_header(data)
        if pdu is not None:
            for decode in (dcerpc.decode_contexts, dcerpc.decode_answer, dcerpc.decode_call, dcerpc.decode_security):
                with contextlib.suppress(Undecodable):
                    decode(pdu, data)
