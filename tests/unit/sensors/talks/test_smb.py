from __future__ import annotations

import contextlib
import struct
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import dcerpc, smb1, smb2
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks import smb_event, smb_files, smb_passage
from sensors.talks.smb import MAX_KEPT, SmbTalk
from tests.unit.sensors import windows_wire as w
from tests.unit.sensors.decode.test_ntlm import answer, negotiation
from tests.unit.sensors.decode.test_smb1 import CREATE, SETUP
from tests.unit.sensors.wire import of, sense, tcp

PATH = "\\\\DC1.contoso.vn\\hồ sơ"


def ask(command: int, body: bytes, number: int, **options: Any) -> tuple[int, bytes]:
    return 0, w.nbt(w.smb2(command, body, number, **options))


def tell(command: int, body: bytes, number: int, status: int = 0, **options: Any) -> tuple[int, bytes]:
    return 1, w.nbt(w.smb2(command, body, number, status=status, **options))


LOGIN = [
    ask(smb2.NEGOTIATE, w.negotiate_request(0x0210, 0x0302), 0),
    tell(smb2.NEGOTIATE, w.negotiate_response(), 0),
    ask(smb2.SESSION_SETUP, w.setup_request(negotiation(w.NTLM_NEGOTIATE)), 1),
    tell(smb2.SESSION_SETUP, w.setup_response(answer(w.NTLM_CHALLENGE, 1)), 1, w.MORE),
    ask(smb2.SESSION_SETUP, w.setup_request(answer(w.NTLM_AUTHENTICATE, 1)), 2),
    tell(smb2.SESSION_SETUP, w.setup_response(), 2),
]
MOUNT = [ask(smb2.TREE_CONNECT, w.tree_request(PATH), 3), tell(smb2.TREE_CONNECT, w.tree_response(), 3)]


def opened(name: str, size: int = 0, *, number: int = 4, **options: Any) -> list[tuple[int, bytes]]:
    return [
        ask(smb2.CREATE, w.create_request(name, **options), number),
        tell(smb2.CREATE, w.create_response(size, filetime=131_940_000_000_000_000), number),
    ]


CLOSED = [ask(smb2.CLOSE, w.close_request(), 90), tell(smb2.CLOSE, w.close_response(), 90)]


def smb(events: list[Any]) -> list[Any]:
    return [event["vonggac"]["smb"] for event in of(events, "smb")]


def run(turns: list[tuple[int, bytes]], **options: Any) -> list[Any]:
    events = sense(tcp(turns, dport=445, **options))
    assert not of(events, "anomaly")
    return events


def test_each_command_is_one_event_with_its_response():
    events = run([*LOGIN, *MOUNT, *opened("lương.xlsx", 7), *CLOSED])
    commands = smb(events)
    assert [each["command"] for each in commands] == [
        "SMB2_COMMAND_NEGOTIATE_PROTOCOL", "SMB2_COMMAND_SESSION_SETUP", "SMB2_COMMAND_SESSION_SETUP",
        "SMB2_COMMAND_TREE_CONNECT", "SMB2_COMMAND_CREATE", "SMB2_COMMAND_CLOSE",
    ]  # fmt: skip
    assert commands[0]["client_dialects"] == ["2.10", "3.02"]
    assert {each["dialect"] for each in commands} == {"3.02"}
    assert commands[1]["status"] == "STATUS_MORE_PROCESSING_REQUIRED"
    assert commands[3] | {"share": PATH, "share_type": "FILE", "tree_id": w.TREE} == commands[3]
    create = commands[4]
    assert (create["filename"], create["disposition"], create["action"]) == ("lương.xlsx", "FILE_OPEN", "FILE_OPEN")
    assert (create["size"], create["created"]) == (7, 131_940_000_000_000_000 // 10_000_000 - 11_644_473_600)
    assert create["fuid"] == "0000002a-0008-0000-0009-000000000008"
    event = of(events, "smb")[4]
    assert event["file"] | {"path": PATH + "\\lương.xlsx", "size": 7, "type": "file"} == event["file"]
    assert event["event"]["outcome"] == "success"
    assert event["event"]["duration"] > 0
    assert of(events, "flow")[0]["network"]["protocol"] == "smb"


def test_a_login_is_told_and_its_user_stands_on_what_follows():
    events = run([*LOGIN, *MOUNT])
    (ntlm,) = of(events, "ntlm")
    assert ntlm["vonggac"]["ntlm"] == {
        "username": "nguyễn", "domainname": "CONTOSO", "hostname": "PC-01", "version": "10.0 build 19041 rev 15",
        "server_nb_computer_name": "DC1", "server_dns_computer_name": "dc1.contoso.vn",
        "server_tree_name": "contoso.vn", "server_nb_domain_name": "CONTOSO",
        "server_version": "10.0 build 17763 rev 15", "success": True,
    }  # fmt: skip
    assert ntlm["event"]["outcome"] == "success"
    assert ntlm["user"] == {"name": "nguyễn", "domain": "CONTOSO"}
    assert set(ntlm["related"]["hosts"]) == {"pc-01", "dc1", "dc1.contoso.vn"}
    setup = of(events, "smb")[2]
    assert setup["vonggac"]["smb"]["ntlmssp"]["host"] == "PC-01"
    assert of(events, "smb")[3]["user"]["name"] == "nguyễn"


def test_a_refused_login_is_a_failure():
    refused = [*LOGIN[:-1], tell(smb2.SESSION_SETUP, w.failure(), 2, 0xC000006D)]
    events = run([*refused, *MOUNT])
    (ntlm,) = of(events, "ntlm")
    assert (ntlm["vonggac"]["ntlm"]["success"], ntlm["event"]["outcome"]) == (False, "failure")
    assert of(events, "smb")[2]["vonggac"]["smb"]["status"] == "STATUS_LOGON_FAILURE"
    assert "user" not in of(events, "smb")[3]


def test_a_broken_token_is_marked_and_the_command_told():
    events = run([ask(smb2.SESSION_SETUP, w.setup_request(w.NTLM_AUTHENTICATE[:90]), 1)])
    assert smb(events)[0]["ntlmssp"] == {"warning": True}


def test_a_file_that_is_read_whole_is_hashed():
    content = bytes(range(256)) * 700
    turns = [*LOGIN, *MOUNT, *opened("a.bin", len(content))]
    for number, at in enumerate(range(0, len(content), 65_536), 10):
        part = content[at : at + 65_536]
        turns += [ask(smb2.READ, w.read_request(at, 65_536), number), tell(smb2.READ, w.read_response(part), number)]
    (file,) = of(run([*turns, *CLOSED]), "file")
    assert file["file"]["hash"]["sha256"] == sha256(content).hexdigest()
    assert (file["file"]["name"], file["file"]["size"]) == ("a.bin", len(content))
    assert file["vonggac"]["file"] == {
        "direction": "response", "protocol": "smb", "complete": True, "missing_bytes": 0,
    }  # fmt: skip
    assert file["user"]["name"] == "nguyễn"


def test_a_long_write_goes_through_without_being_kept():
    content = b"MZ" + bytes(5 * MAX_KEPT)
    turns = [
        *opened("x.exe"),
        ask(smb2.WRITE, w.write_request(0, content), 5),
        tell(smb2.WRITE, w.write_response(1), 5),
    ]
    events = run([*turns, *CLOSED])
    (file,) = of(events, "file")
    assert file["file"]["hash"]["sha256"] == sha256(content).hexdigest()
    assert file["file"]["mime_type"] == "application/vnd.microsoft.portable-executable"
    assert file["vonggac"]["file"]["direction"] == "request"
    assert [each.get("action") for each in smb(events)] == ["FILE_OPEN", "FILE_WRITE", "FILE_CLOSE"]


def test_a_part_of_a_file_has_no_hash():
    turns = [
        *opened("a", 100),
        ask(smb2.READ, w.read_request(50, 50), 5),
        tell(smb2.READ, w.read_response(b"x" * 50), 5),
    ]
    (file,) = of(run([*turns, *CLOSED]), "file")
    assert "hash" not in file["file"]
    assert file["vonggac"]["file"] | {"complete": False, "missing_bytes": 50} == file["vonggac"]["file"]


def test_what_is_read_twice_is_counted_once():
    turns = opened("a", 4)
    for number, (at, data) in enumerate(((0, b"abc"), (1, b"bcd"), (0, b"ab")), 5):
        turns += [ask(smb2.READ, w.read_request(at, 3), number), tell(smb2.READ, w.read_response(data), number)]
    (file,) = of(run([*turns, *CLOSED]), "file")
    assert file["file"]["hash"]["sha256"] == sha256(b"abcd").hexdigest()


def test_answers_out_of_order_are_put_in_order():
    parts = [bytes((n,)) * 70_000 for n in range(4)]
    asks = [ask(smb2.READ, w.read_request(n * 70_000, 70_000), 10 + n) for n in range(4)]
    tells = [tell(smb2.READ, w.read_response(parts[n]), 10 + n) for n in (1, 3, 0, 2)]
    (file,) = of(run([*opened("a", 280_000), *asks, *tells, *CLOSED]), "file")
    assert file["file"]["hash"]["sha256"] == sha256(b"".join(parts)).hexdigest()


def test_what_waits_for_earlier_bytes_is_bounded_and_given_back():
    total = smb_passage.Held()
    passages = [smb_passage.Passage(Moment(1, 1), 0, total) for _ in range(40)]
    for passage in passages:
        for at in range(1, 5_000_000, 100_000):
            passage.add(at, bytes(100_000))
            assert total.used <= smb_passage.MAX_AHEAD_TOTAL
        passage.finish()
        assert (passage.next, passage.body.missing) == (5_000_001, 1)
    assert total.used == 0
    passages[0].add(passages[0].next + 1, b"x")
    passages.clear()
    del passage
    assert total.used == 0


@settings(max_examples=200, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 9))
def test_any_order_gives_the_same_content(order, step):
    content = bytes(range(100))
    passage = smb_passage.Passage(Moment(1, 1), 0, smb_passage.Held())
    for number in order:
        at = number * step
        passage.add(at, content[at : at + step + 2])  # pieces overlap
    passage.finish()
    assert passage.body.sample == content[: 12 * step + 2]
    assert not passage.body.missing


def test_a_refused_write_is_not_what_the_file_holds():
    turns = [*opened("a"), ask(smb2.WRITE, w.write_request(0, b"abc"), 5)]
    turns.append(tell(smb2.WRITE, w.failure(), 5, w.ACCESS_DENIED))
    (file,) = of(run([*turns, *CLOSED]), "file")
    assert file["vonggac"]["file"]["complete"] is False


def test_renames_and_deletions_are_told():
    rename = bytes(16) + struct.pack("<I", 10) + w.wide("b.doc")
    turns = [*opened("a.doc"), ask(smb2.SET_INFO, w.set_info_request(10, rename), 5)]
    turns += [tell(smb2.SET_INFO, b"\2\0", 5), ask(smb2.SET_INFO, w.set_info_request(13, b"\1"), 6)]
    commands = smb(run([*turns, tell(smb2.SET_INFO, b"\2\0", 6), *CLOSED]))
    assert commands[1]["rename"] == {"from": "a.doc", "to": "b.doc"}
    assert [each["action"] for each in commands] == ["FILE_OPEN", "FILE_RENAME", "FILE_DELETE", "FILE_CLOSE"]
    assert commands[2]["filename"] == "b.doc"


def test_a_compound_is_told_command_by_command():
    def padded(message: bytes) -> bytes:
        return message + bytes(-len(message) % 8)

    def chained(command: int, body: bytes, number: int, *, last: bool = False, **options: Any) -> bytes:
        size = 0 if last else len(padded(w.smb2(command, body, number)))
        return padded(w.smb2(command, body, number, next_=size, **options))

    related = smb2.RELATED_FLAG
    ask_all = chained(smb2.CREATE, w.create_request("a"), 4)
    ask_all += chained(smb2.WRITE, w.write_request(0, b"data", smb2.SAME_FILE), 5, flags=related)
    ask_all += chained(smb2.CLOSE, w.close_request(smb2.SAME_FILE), 6, flags=related, last=True)
    told = chained(smb2.CREATE, w.create_response(), 4, status=0)
    told += chained(smb2.WRITE, w.write_response(4), 5, status=0, flags=related)
    told += chained(smb2.CLOSE, w.close_response(), 6, status=0, flags=related, last=True)
    events = run([(0, w.nbt(ask_all)), (1, w.nbt(told))])
    assert [each["command"][13:] for each in smb(events)] == ["CREATE", "WRITE", "CLOSE"]
    (file,) = of(events, "file")
    assert file["file"]["hash"]["sha256"] == sha256(b"data").hexdigest()


def test_an_interim_response_waits_for_the_final_one():
    turns = [ask(smb2.CHANGE_NOTIFY, struct.pack("<HHI16sII", 32, 0, 0, w.FILE, 0, 0), 8)]
    turns.append(tell(smb2.CHANGE_NOTIFY, w.failure(), 8, 0x103, flags=smb2.ASYNC_FLAG))
    turns.append(tell(smb2.CHANGE_NOTIFY, w.failure(), 8, 0x10C, flags=smb2.ASYNC_FLAG))
    (command,) = smb(run(turns))
    assert (command["status"], command["tree_id"]) == ("STATUS_NOTIFY_ENUM_DIR", w.TREE)


def test_one_side_alone_is_told_as_it_is():
    requests = [turn for turn in [*LOGIN, *MOUNT] if turn[0] == 0]
    events = run(requests, fin=False)
    assert len(smb(events)) == 4
    assert all("status" not in each for each in smb(events))
    responses = [turn for turn in [*LOGIN, *MOUNT] if turn[0] == 1]
    assert [each["status_code"] for each in smb(run(responses))] == ["0x0", "0xc0000016", "0x0", "0x0"]


def test_an_encrypted_session_is_named_once():
    sealed = b"\xfdSMB" + bytes(16) + bytes(16) + struct.pack("<IHHQ", 100, 0, 1, w.SESSION) + bytes(100)
    events = run([*LOGIN, (0, w.nbt(sealed)), (1, w.nbt(sealed)), (0, w.nbt(sealed))])
    hidden = [each for each in of(events, "smb") if each["vonggac"]["smb"].get("encrypted")]
    assert [each["vonggac"]["smb"]["session_id"] for each in hidden] == [w.SESSION]
    assert hidden[0]["user"]["name"] == "nguyễn"


def test_rpc_on_a_pipe_is_told_with_its_interface():
    tree = [ask(smb2.TREE_CONNECT, w.tree_request("\\\\DC1\\IPC$"), 3), tell(smb2.TREE_CONNECT, w.tree_response(2), 3)]
    bind, ack = w.rpc(dcerpc.BIND, w.bind()), w.rpc(dcerpc.BIND_ACK, w.bind_ack())
    turns = [*LOGIN, *tree, *opened("samr")]
    turns += [ask(smb2.WRITE, w.write_request(0, bind), 5), tell(smb2.WRITE, w.write_response(len(bind)), 5)]
    turns += [ask(smb2.READ, w.read_request(0, 1024), 6), tell(smb2.READ, w.read_response(ack), 6)]
    call, reply = w.rpc(dcerpc.REQUEST, w.call(13, bytes(8)), 2), w.rpc(dcerpc.RESPONSE, w.reply(bytes(4)), 2)
    turns += [ask(smb2.IOCTL, w.ioctl_request(smb2.PIPE_TRANSCEIVE, call), 7)]
    turns += [tell(smb2.IOCTL, w.ioctl_response(smb2.PIPE_TRANSCEIVE, reply), 7), *CLOSED]
    events = run(turns)
    first, second = of(events, "dcerpc")
    assert first["vonggac"]["dcerpc"]["interfaces"][0]["service"] == "samr"
    assert second["vonggac"]["dcerpc"]["operation"] == "SamrEnumerateUsersInDomain"
    assert second["vonggac"]["dcerpc"]["named_pipe"] == "samr"
    assert second["user"]["name"] == "nguyễn"
    assert not of(events, "file")
    carried = [each["dcerpc"].get("request") for each in smb(events) if "dcerpc" in each]
    assert carried == ["BIND", None, "REQUEST"]
    assert [each["action"] for each in smb(events) if "action" in each] == [
        "PIPE_OPEN", "PIPE_WRITE", "PIPE_READ", "PIPE_CLOSE",
    ]  # fmt: skip


def test_rpc_is_known_on_a_pipe_whose_opening_was_not_seen():
    bind = w.rpc(dcerpc.BIND, w.bind())
    (event,) = of(run([ask(smb2.WRITE, w.write_request(0, bind), 5)], handshake=False), "dcerpc")
    assert event["vonggac"]["dcerpc"]["endpoint"] == "samr"


def test_a_negotiation_in_smb1_may_be_answered_in_smb2():
    offer = w.smb1(smb1.NEGOTIATE, b"", b"\x02NT LM 0.12\0\x02SMB 2.???\0", 1)
    (command,) = smb(run([(0, w.nbt(offer)), tell(smb2.NEGOTIATE, w.negotiate_response(0x02FF), 0)]))
    assert command["command"] == "SMB1_COMMAND_NEGOTIATE_PROTOCOL"
    assert command["client_dialects"] == ["NT LM 0.12", "SMB 2.???"]
    assert command["dialect"] == "2.??"


def test_smb1_is_told_from_its_login_to_its_pipe():
    texts = b"".join(w.wide(text) + b"\0\0" for text in ("an", "BTC", "Windows 5.1", "NT LAN"))
    native = b"\0" + w.wide("Windows Server") + b"\0\0" + w.wide("NT LAN Manager") + b"\0\0" + w.wide("BTC") + b"\0\0"
    andx = b"\xff\0\0\0"
    created = andx + struct.pack("<BHIQQQQIQQHHB", 0, 0x4000, 1, 0, 0, 0, 0, 0x80, 0, 0, 2, 0, 0)
    call, reply = w.rpc(dcerpc.REQUEST, w.call(15, bytes(8))), w.rpc(dcerpc.RESPONSE, w.reply(bytes(4)))
    begin = 32 + 1 + 32 + 2 + 1 + len(w.wide("\\PIPE\\")) + 2
    transact = struct.pack(
        "<HHHHBBHIHHHHHBBHH", 0, len(call), 0, 1024, 0, 0, 0, 0, 0, 0, begin, len(call), begin, 2, 0, 0x26, 0x4000
    )
    answered = struct.pack("<HHHHHHHHHBB", 0, len(reply), 0, 0, 56, 0, len(reply), 56, 0, 0, 0)
    turns = [
        (0, w.smb1(smb1.NEGOTIATE, b"", b"\x02NT LM 0.12\0", 1)),
        (1, w.smb1(smb1.NEGOTIATE, bytes(34), b"", 1, status=0)),
        (0, w.smb1(smb1.SESSION_SETUP, SETUP, b"P" * 48 + b"\0" + texts, 2)),
        (1, w.smb1(smb1.SESSION_SETUP, andx + b"\0\0", native, 2, status=0)),
        (0, w.smb1(smb1.TREE_CONNECT_ANDX, andx + b"\0\0\1\0", b"\0" + w.wide("\\\\S\\IPC$") + b"\0\0?????\0", 3)),
        (1, w.smb1(smb1.TREE_CONNECT_ANDX, andx + b"\0\0", b"IPC\0\0\0", 3, status=0)),
        (0, w.smb1(smb1.NT_CREATE, CREATE, b"\0" + w.wide("\\svcctl") + b"\0\0", 4)),
        (1, w.smb1(smb1.NT_CREATE, created, b"", 4, status=0)),
        (0, w.smb1(smb1.TRANS, transact, b"\0" + w.wide("\\PIPE\\") + b"\0\0" + call, 5)),
        (1, w.smb1(smb1.TRANS, answered, b"\0" + reply, 5, status=0)),
        (0, w.smb1(smb1.CLOSE, struct.pack("<HI", 0x4000, 0), b"", 6)),
        (1, w.smb1(smb1.CLOSE, b"", b"", 6, status=0)),
    ]
    events = run([(side, w.nbt(message)) for side, message in turns])
    commands = smb(events)
    assert [each["command"][13:] for each in commands] == [
        "NEGOTIATE_PROTOCOL", "SESSION_SETUP_ANDX", "TREE_CONNECT_ANDX", "NT_CREATE_ANDX", "TRANS", "CLOSE",
    ]  # fmt: skip
    assert {each["dialect"] for each in commands} == {"NT LM 0.12"}
    assert commands[1]["request"] == {"native_os": "Windows 5.1", "native_lm": "NT LAN"}
    assert commands[1]["response"]["native_os"] == "Windows Server"
    assert commands[2] | {"named_pipe": "\\\\S\\IPC$", "share_type": "PIPE"} == commands[2]
    assert (commands[3]["filename"], commands[3]["fuid"]) == ("\\svcctl", "4000")
    assert (commands[4]["subcmd"], commands[4]["dcerpc"]["response"]) == ("TRANSACT_NMPIPE", "RESPONSE")
    assert of(events, "smb")[4]["user"] == {"name": "an", "domain": "BTC"}
    (rpc,) = of(events, "dcerpc")
    assert rpc["vonggac"]["dcerpc"] | {"opnum": 15, "named_pipe": "\\svcctl"} == rpc["vonggac"]["dcerpc"]


def test_a_file_over_smb1_is_hashed():
    andx = b"\xff\0\0\0"
    created = andx + struct.pack("<BHIQQQQIQQHHB", 0, 7, 1, 0, 0, 0, 0, 0x80, 4, 4, 0, 0, 0)
    read = andx + struct.pack("<HIHHIHI", 7, 0, 4, 0, 0, 0, 0)
    answered = andx + struct.pack("<HHHHHI6x", 0, 0, 0, 4, 60, 0)
    turns = [
        (0, w.smb1(smb1.NT_CREATE, CREATE, b"\0" + w.wide("a.txt") + b"\0\0", 4)),
        (1, w.smb1(smb1.NT_CREATE, created, b"", 4, status=0)),
        (0, w.smb1(smb1.READ_ANDX, read, b"", 5)),
        (1, w.smb1(smb1.READ_ANDX, answered, b"\0data", 5, status=0)),
    ]
    (file,) = of(run([(side, w.nbt(message)) for side, message in turns]), "file")
    assert file["file"]["hash"]["sha256"] == sha256(b"data").hexdigest()


def test_a_dos_error_is_a_failure():
    message = w.smb1(smb1.NT_CREATE, b"", b"", 4, status=0x00020001)
    plain = message[:10] + b"\x01\x80" + message[12:]
    (event,) = of(run([(1, w.nbt(plain))]), "smb")
    assert event["event"]["outcome"] == "failure"
    assert event["vonggac"]["smb"]["status"] == "1/2"


def test_a_gap_inside_of_a_write_is_counted_and_the_rest_goes_on():
    content = bytes(range(250)) * 40
    frames = list(tcp([*opened("a"), ask(smb2.WRITE, w.write_request(0, content), 5), *CLOSED], dport=445))
    lost = next(n for n, frame in enumerate(frames) if len(frame) > 1000)
    events = sense(frames[: lost + 3] + frames[lost + 4 :])
    (file,) = of(events, "file")
    assert file["vonggac"]["file"] | {"complete": False, "missing_bytes": 1000} == file["vonggac"]["file"]
    assert smb(events)[-1]["command"] == "SMB2_COMMAND_CLOSE"


def test_behind_a_gap_between_messages_the_next_one_is_found():
    talk = SmbTalk()
    at = Moment(1, 1)
    list(talk.data(0, LOGIN[0][1], at))
    list(talk.gap(0, 5000, at))
    list(talk.data(0, b"garbage" * 50, at))
    list(talk.data(0, b"tail" + MOUNT[0][1], at))
    commands = [found.fields["vonggac"]["smb"]["command"] for found in talk.close(False) if found.dataset == "smb"]
    assert commands == ["SMB2_COMMAND_NEGOTIATE_PROTOCOL", "SMB2_COMMAND_TREE_CONNECT"]


def test_a_body_that_is_cut_is_marked_and_what_follows_is_read():
    commands = smb(run([ask(smb2.CREATE, w.create_request("a")[:30], 4), *MOUNT]))
    assert commands[1]["command"] == "SMB2_COMMAND_CREATE"
    assert commands[1]["malformed"] == "body_cut"


def test_what_is_no_smb_inside_of_its_frames_is_an_anomaly():
    events = sense(tcp([*MOUNT, (0, w.nbt(b"GET / HTTP/1.1\r\n" * 4))], dport=445))
    assert [each["vonggac"]["anomaly"]["reason"] for each in of(events, "anomaly")] == ["signature"]
    assert len(smb(events)) == 1


def test_memory_is_bounded_by_what_is_remembered():
    talk = SmbTalk()
    at = Moment(1, 1)
    told = 0
    for number in range(smb_event.MAX_WAITING + 50):
        told += len(list(talk.data(0, ask(smb2.ECHO, b"\4\0\0\0", number)[1], at)))
    assert told == 50
    for number in range(smb_files.MAX_OPEN + 10):
        file = number.to_bytes(16)
        list(talk.data(0, ask(smb2.WRITE, w.write_request(0, b"x", file), 9_000 + number)[1], at))
    found = list(talk.close(False))
    assert len([each for each in found if each.dataset == "file"]) == smb_files.MAX_OPEN


def test_a_message_longer_than_what_is_kept_is_stepped_over():
    talk = SmbTalk()
    at = Moment(1, 1)
    list(talk.data(0, (b"\0\xff\xff\xff" + w.smb2(smb2.ECHO, b"\4\0\0\0", 1)).ljust(MAX_KEPT + 4, b"\0"), at))
    assert len(talk._sides[0].buffer) == 0
    for _ in range(300):
        list(talk.data(0, bytes(50_000), at))
    assert len(talk._sides[0].buffer) < 50_000


_STREAM = b"".join(data for side, data in [*LOGIN, *MOUNT, *opened("a")] if side == 0)
_ANSWERS = b"".join(data for side, data in [*LOGIN, *MOUNT, *opened("a")] if side == 1)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(_STREAM)), st.binary(max_size=200), st.integers(1, 400), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, size, gap):
    talk = SmbTalk()
    at = Moment(1, 1)
    with contextlib.suppress(Undecodable):
        for side, stream in ((0, _STREAM[:keep] + tail), (1, _ANSWERS[:keep] + tail)):
            for begin in range(0, len(stream), size):
                list(talk.data(side, stream[begin : begin + size], at))
            if gap:
                list(talk.gap(side, size, at))
    list(talk.close(False))


@pytest.mark.parametrize("side", [0, 1])
def test_a_flow_that_began_in_the_middle_is_read(side):
    turns = [turn for turn in [*MOUNT, *opened("a")] if turn[0] == side]
    assert len(smb(run(turns, handshake=False))) == 2
