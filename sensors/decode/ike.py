"""IKE messages of version 1 (RFC 2408, RFC 2409) and 2 (RFC 7296): header, payloads, what is offered in the clear."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable

#: Payloads of one message, proposals of one SA, transforms of one proposal, attributes of one transform.
MAX_PAYLOADS = 64
MAX_PROPOSALS = 64
MAX_TRANSFORMS = 64
MAX_ATTRIBUTES = 32
#: What stands before a message that shares its port with ESP (RFC 3948 §2.2).
NON_ESP = bytes(4)
HEADER = 28

EXCHANGES_V1 = {
    0: "none", 1: "base", 2: "identity_protection", 3: "authentication_only", 4: "aggressive", 5: "informational",
    6: "transaction", 32: "quick_mode", 33: "new_group_mode",
}  # fmt: skip
EXCHANGES_V2 = {
    34: "IKE_SA_INIT", 35: "IKE_AUTH", 36: "CREATE_CHILD_SA", 37: "INFORMATIONAL", 38: "IKE_SESSION_RESUME",
    43: "IKE_INTERMEDIATE", 44: "IKE_FOLLOWUP_KE",
}  # fmt: skip
PAYLOADS = {
    1: "SecurityAssociation", 2: "Proposal", 3: "Transform", 4: "KeyExchange", 5: "Identification", 6: "Certificate",
    7: "CertificateRequest", 8: "Hash", 9: "Signature", 10: "Nonce", 11: "Notification", 12: "Delete", 13: "VendorID",
    14: "Attributes", 15: "SAKEKPayload", 16: "SATEKPayload", 17: "KeyDownload", 18: "SequenceNumber",
    19: "ProofOfPossession", 20: "NatDiscovery", 21: "NatOriginalAddress", 22: "GroupAssociatedPolicy",
    33: "SecurityAssociation", 34: "KeyExchange", 35: "IDInitiator", 36: "IDResponder", 37: "Certificate",
    38: "CertificateRequest", 39: "Authentication", 40: "Nonce", 41: "Notify", 42: "Delete", 43: "VendorID",
    44: "TSInitiator", 45: "TSResponder", 46: "EncryptedAndAuthenticated", 47: "Configuration", 48: "EAP",
    53: "EncryptedFragment", 130: "NatDiscovery", 132: "Fragment",
}  # fmt: skip
PROTOCOLS = {1: "IKE", 2: "AH", 3: "ESP", 4: "IPCOMP"}
_SA, _KE, _ID, _NONCE, _NOTIFY, _VENDOR = (1, 33), (4, 34), (5, 35, 36), (10, 40), (11, 41), (13, 43)
_SEALED = (46, 53)

_ENCRYPTION_V2 = {
    1: "ENCR_DES_IV64", 2: "ENCR_DES", 3: "ENCR_3DES", 4: "ENCR_RC5", 5: "ENCR_IDEA", 6: "ENCR_CAST",
    7: "ENCR_BLOWFISH", 8: "ENCR_3IDEA", 9: "ENCR_DES_IV32", 11: "ENCR_NULL", 12: "ENCR_AES_CBC", 13: "ENCR_AES_CTR",
    14: "ENCR_AES_CCM_8", 15: "ENCR_AES_CCM_12", 16: "ENCR_AES_CCM_16", 18: "ENCR_AES_GCM_8", 19: "ENCR_AES_GCM_12",
    20: "ENCR_AES_GCM_16", 21: "ENCR_NULL_AUTH_AES_GMAC", 23: "ENCR_CAMELLIA_CBC", 28: "ENCR_CHACHA20_POLY1305",
}  # fmt: skip
_PRF = {
    1: "PRF_HMAC_MD5", 2: "PRF_HMAC_SHA1", 3: "PRF_HMAC_TIGER", 4: "PRF_AES128_XCBC", 5: "PRF_HMAC_SHA2_256",
    6: "PRF_HMAC_SHA2_384", 7: "PRF_HMAC_SHA2_512", 8: "PRF_AES128_CMAC",
}  # fmt: skip
_INTEGRITY = {
    0: "NONE", 1: "AUTH_HMAC_MD5_96", 2: "AUTH_HMAC_SHA1_96", 3: "AUTH_DES_MAC", 5: "AUTH_AES_XCBC_96",
    8: "AUTH_AES_CMAC_96", 12: "AUTH_HMAC_SHA2_256_128", 13: "AUTH_HMAC_SHA2_384_192", 14: "AUTH_HMAC_SHA2_512_256",
}  # fmt: skip
_GROUPS = {
    0: "NONE", 1: "MODP_768", 2: "MODP_1024", 5: "MODP_1536", 14: "MODP_2048", 15: "MODP_3072", 16: "MODP_4096",
    17: "MODP_6144", 18: "MODP_8192", 19: "ECP_256", 20: "ECP_384", 21: "ECP_521", 22: "MODP_1024_160",
    23: "MODP_2048_224", 24: "MODP_2048_256", 25: "ECP_192", 26: "ECP_224", 27: "BRAINPOOL_224", 28: "BRAINPOOL_256",
    29: "BRAINPOOL_384", 30: "BRAINPOOL_512", 31: "CURVE_25519", 32: "CURVE_448", 35: "ML_KEM_512", 36: "ML_KEM_768",
    37: "ML_KEM_1024",
}  # fmt: skip
#: Transform types of version 2 (RFC 7296 §3.3.2): our field and its names.
_TRANSFORMS: dict[int, tuple[str, dict[int, str]]] = {
    1: ("alg_enc", _ENCRYPTION_V2),
    2: ("alg_prf", _PRF),
    3: ("alg_auth", _INTEGRITY),
    4: ("alg_dh", _GROUPS),
    5: ("alg_esn", {0: "NO_ESN", 1: "ESN"}),
}
#: Attributes of version 1's first phase (RFC 2409 appendix A).
_ATTRIBUTES_V1: dict[int, tuple[str, dict[int, str]]] = {
    1: ("alg_enc", {1: "DES_CBC", 2: "IDEA_CBC", 3: "BLOWFISH_CBC", 4: "RC5_CBC", 5: "3DES_CBC", 6: "CAST_CBC",
                    7: "AES_CBC", 8: "CAMELLIA_CBC"}),
    2: ("alg_hash", {1: "MD5", 2: "SHA", 3: "TIGER", 4: "SHA2_256", 5: "SHA2_384", 6: "SHA2_512"}),
    3: ("alg_auth", {1: "PRE_SHARED_KEY", 2: "DSS", 3: "RSA", 4: "RSA_ENCRYPTION", 5: "RSA_ENCRYPTION_REVISED",
                     64221: "HYBRID_RSA", 65001: "XAUTH_PRE_SHARED_KEY", 65005: "XAUTH_RSA"}),
    4: ("alg_dh", _GROUPS),
}  # fmt: skip
_LIFE_TYPE, _LIFE_DURATION, _KEY_LENGTH = 11, 12, 14
NOTIFICATIONS_V1 = {
    1: "INVALID-PAYLOAD-TYPE", 2: "DOI-NOT-SUPPORTED", 4: "INVALID-COOKIE", 7: "INVALID-EXCHANGE-TYPE",
    9: "INVALID-MESSAGE-ID", 11: "INVALID-SPI", 14: "NO-PROPOSAL-CHOSEN", 16: "PAYLOAD-MALFORMED",
    17: "INVALID-KEY-INFORMATION", 18: "INVALID-ID-INFORMATION", 23: "INVALID-HASH-INFORMATION",
    24: "AUTHENTICATION-FAILED", 25: "INVALID-SIGNATURE", 16384: "CONNECTED", 24576: "RESPONDER-LIFETIME",
    24577: "REPLAY-STATUS", 24578: "INITIAL-CONTACT", 36136: "R-U-THERE", 36137: "R-U-THERE-ACK",
}  # fmt: skip
NOTIFICATIONS_V2 = {
    1: "UNSUPPORTED_CRITICAL_PAYLOAD", 4: "INVALID_IKE_SPI", 5: "INVALID_MAJOR_VERSION", 7: "INVALID_SYNTAX",
    9: "INVALID_MESSAGE_ID", 11: "INVALID_SPI", 14: "NO_PROPOSAL_CHOSEN", 17: "INVALID_KE_PAYLOAD",
    24: "AUTHENTICATION_FAILED", 34: "SINGLE_PAIR_REQUIRED", 35: "NO_ADDITIONAL_SAS", 36: "INTERNAL_ADDRESS_FAILURE",
    37: "FAILED_CP_REQUIRED", 38: "TS_UNACCEPTABLE", 39: "INVALID_SELECTORS", 43: "TEMPORARY_FAILURE",
    44: "CHILD_SA_NOT_FOUND", 16384: "INITIAL_CONTACT", 16385: "SET_WINDOW_SIZE", 16386: "ADDITIONAL_TS_POSSIBLE",
    16387: "IPCOMP_SUPPORTED", 16388: "NAT_DETECTION_SOURCE_IP", 16389: "NAT_DETECTION_DESTINATION_IP",
    16390: "COOKIE", 16391: "USE_TRANSPORT_MODE", 16392: "HTTP_CERT_LOOKUP_SUPPORTED", 16393: "REKEY_SA",
    16394: "ESP_TFC_PADDING_NOT_SUPPORTED", 16395: "NON_FIRST_FRAGMENTS_ALSO", 16396: "MOBIKE_SUPPORTED",
    16404: "MULTIPLE_AUTH_SUPPORTED", 16406: "REDIRECT_SUPPORTED", 16407: "REDIRECT",
    16418: "CHILDLESS_IKEV2_SUPPORTED", 16430: "IKEV2_FRAGMENTATION_SUPPORTED", 16431: "SIGNATURE_HASH_ALGORITHMS",
    16435: "USE_PPK", 16438: "INTERMEDIATE_EXCHANGE_SUPPORTED",
}  # fmt: skip

Proposal = dict[str, str | int]


class Message(NamedTuple):
    """`proposals` has one entry for each transform of version 1 and for each proposal of version 2."""

    initiator_spi: bytes
    responder_spi: bytes
    major: int
    minor: int
    exchange: int
    flags: int
    id: int
    encrypted: bool
    payloads: tuple[str, ...]
    proposals: tuple[Proposal, ...]
    key_exchange: bytes
    nonce: bytes
    identity: tuple[int, bytes] | None
    vendors: tuple[bytes, ...]
    notifications: tuple[int, ...]


def plausible(data: bytes) -> bool:
    """Whether a datagram of any port is an IKE message: version, exchange, first payload and exact length."""
    if len(data) < HEADER or data[:8] == bytes(8) or (data[16] not in PAYLOADS and data[16]):
        return False
    names = EXCHANGES_V1 if data[17] >> 4 == 1 else EXCHANGES_V2
    return data[17] in (0x10, 0x20) and data[18] in names and unpack_from("!I", data, 24)[0] == len(data)


def decode_ike(data: bytes) -> Message:
    if len(data) < HEADER:
        raise Undecodable("ike", len(data), "cut")
    following, version, exchange, flags, ident, size = unpack_from("!BBBBII", data, 16)
    major, minor = version >> 4, version & 15
    if major not in (1, 2):
        raise Undecodable("ike", 17, "version")
    if size > len(data) or size < HEADER:
        raise Undecodable("ike", 24, "length")
    sealed = major == 1 and bool(flags & 1)
    names: list[str] = []
    found: dict[int, list[bytes]] = {}
    if not sealed:
        for kind, body in _payloads(data[:size], HEADER, following):
            names.append(PAYLOADS.get(kind, str(kind)))
            found.setdefault(kind, []).append(body)
            sealed = sealed or kind in _SEALED
    proposals = [row for body in _of(found, _SA) for row in (_sa_v1(body) if major == 1 else _proposals(body, 2))]
    identity = next(((body[0], body[4:]) for body in _of(found, _ID) if len(body) >= 4), None)
    return Message(
        data[:8], data[8:16], major, minor, exchange, flags, ident, sealed, tuple(names),
        tuple(proposals[:MAX_PROPOSALS]),
        next(iter(_of(found, _KE)), b"")[4 if major == 2 else 0 :], next(iter(_of(found, _NONCE)), b""), identity,
        tuple(_of(found, _VENDOR)), tuple(_notification(body, major) for body in _of(found, _NOTIFY)),
    )  # fmt: skip


def _of(found: dict[int, list[bytes]], kinds: tuple[int, ...]) -> list[bytes]:
    return [body for kind in kinds for body in found.get(kind, ())]


def _payloads(data: bytes, at: int, kind: int) -> Iterator[tuple[int, bytes]]:
    """The chain of payloads (RFC 2408 §3.2, RFC 7296 §3.2); a sealed one is the last."""
    for _ in range(MAX_PAYLOADS):
        if kind == 0 or at >= len(data):
            return
        if at + 4 > len(data):
            raise Undecodable("ike", at, "cut")
        following, size = data[at], unpack_from("!H", data, at + 2)[0]
        if size < 4 or at + size > len(data):
            raise Undecodable("ike", at + 2, "payload_length")
        yield kind, data[at + 4 : at + size]
        if kind in _SEALED:
            return
        at += size
        kind = following
    raise Undecodable("ike", at, "too_many_payloads")


def _sa_v1(body: bytes) -> list[Proposal]:
    """An SA payload of version 1 behind its DOI and situation (RFC 2407 §4.6.1)."""
    if len(body) < 8:
        raise Undecodable("ike", 0, "sa")
    return _proposals(body[8:], 1)


def _proposals(body: bytes, major: int) -> list[Proposal]:
    rows: list[Proposal] = []
    for proposal in _entries(body, MAX_PROPOSALS):
        if len(proposal) < 4 or len(proposal) < 4 + proposal[2]:
            raise Undecodable("ike", 0, "proposal")
        number, protocol, spi_size = proposal[:3]
        transforms = _entries(proposal[4 + spi_size :], MAX_TRANSFORMS)
        start: Proposal = {"number": number, "protocol": PROTOCOLS.get(protocol, str(protocol))}
        if major == 1:
            rows += [start | _transform_v1(each, protocol) for each in transforms]
        else:
            rows.append(start | _transforms_v2(transforms))
    return rows


def _entries(data: bytes, limit: int) -> list[bytes]:
    """Proposals or transforms: last or more, reserved, length; without that head (RFC 7296 §3.3.1)."""
    found: list[bytes] = []
    at = 0
    while at + 4 <= len(data) and len(found) < limit:
        more, size = data[at], unpack_from("!H", data, at + 2)[0]
        if size < 4 or at + size > len(data):
            raise Undecodable("ike", at + 2, "entry_length")
        found.append(data[at + 4 : at + size])
        at += size
        if more == 0:
            break
    return found


def _transforms_v2(transforms: list[bytes]) -> Proposal:
    """Each kind's algorithms, in order of preference, joined with commas."""
    names: dict[str, list[str]] = {}
    for body in transforms:
        if len(body) < 4:
            raise Undecodable("ike", 0, "transform")
        field, known = _TRANSFORMS.get(body[0], (f"transform_{body[0]}", {}))
        number = unpack_from("!H", body, 2)[0]
        name = known.get(number, str(number))
        length = dict(_attributes(body[4:])).get(_KEY_LENGTH)
        names.setdefault(field, []).append(name if length is None else f"{name}_{length}")
    return {field: ",".join(each) for field, each in names.items()}


def _transform_v1(body: bytes, protocol: int) -> Proposal:
    if len(body) < 4:
        raise Undecodable("ike", 0, "transform")
    row: Proposal = {"transform": body[0]}
    if protocol != 1:
        row["transform_id"] = body[1]
        return row
    for kind, value in _attributes(body[4:]):
        if kind in _ATTRIBUTES_V1:
            field, names = _ATTRIBUTES_V1[kind]
            row[field] = names.get(value, str(value))
        elif kind == _LIFE_TYPE:
            row["life_type"] = {1: "seconds", 2: "kilobytes"}.get(value, str(value))
        elif kind == _LIFE_DURATION:
            row["life_duration"] = value
        elif kind == _KEY_LENGTH:
            row["key_length"] = value
    return row


def _attributes(data: bytes) -> list[tuple[int, int]]:
    """Type and value of attributes in either form (RFC 2408 §3.3); long values by their first eight octets."""
    found: list[tuple[int, int]] = []
    at = 0
    while at + 4 <= len(data) and len(found) < MAX_ATTRIBUTES:
        kind, value = unpack_from("!HH", data, at)
        at += 4
        if not kind & 0x8000:
            if at + value > len(data):
                raise Undecodable("ike", at, "attribute_length")
            at, value = at + value, int.from_bytes(data[at : at + min(value, 8)])
        found.append((kind & 0x7FFF, value))
    return found


def _notification(body: bytes, major: int) -> int:
    at = 6 if major == 1 else 2
    return int(unpack_from("!H", body, at)[0]) if len(body) >= at + 2 else 0
