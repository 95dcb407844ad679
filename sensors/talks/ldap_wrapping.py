"""SASL's security layer around LDAP (RFC 4422 §3.7): signed messages are read through it, sealed ones are not."""

from __future__ import annotations

from sensors.decode.fault import Undecodable

#: The longest wrapped buffer (RFC 4422 §3.7 has 32 bits of length; Windows uses far less).
MAX_WRAPPED = 1 << 24

_LENGTH = 4
#: Octets of an NTLM signature (MS-NLMP §2.2.2.9) and of a Kerberos wrap token's header (RFC 4121 §4.2.6.2).
_HEADER = 16
_KERBEROS, _SEALED = b"\x05\x04", 0x02


class Wrapping:
    """One direction's layer. `sealed` says that the rest cannot be read; NTLM's sealing shows only in the text."""

    __slots__ = ("_head", "_lead", "_left", "_trail", "sealed")

    def __init__(self) -> None:
        self.sealed = False
        self._head = bytearray()
        self._lead = 0  # octets of a checksum before the text
        self._left = 0  # octets of text
        self._trail = 0  # octets of a checksum behind it

    def opened(self, data: bytes) -> bytes:
        """The text among these octets; nothing once it is sealed."""
        text = bytearray()
        while data and not self.sealed:
            if self._lead:
                skipped = min(self._lead, len(data))
                self._lead -= skipped
            elif self._left:
                skipped = min(self._left, len(data))
                text += data[:skipped]
                self._left -= skipped
            elif self._trail:
                skipped = min(self._trail, len(data))
                self._trail -= skipped
            else:
                skipped = _LENGTH + _HEADER - len(self._head)
                self._head += data[:skipped]
                if len(self._head) == _LENGTH + _HEADER:
                    self._begin()
            data = data[skipped:]
        return bytes(text)

    def _begin(self) -> None:
        size = int.from_bytes(self._head[:_LENGTH]) - _HEADER
        checksum = 0
        if self._head[_LENGTH : _LENGTH + 2] == _KERBEROS:
            self.sealed = bool(self._head[_LENGTH + 2] & _SEALED)
            checksum = int.from_bytes(self._head[_LENGTH + 4 : _LENGTH + 6])
            rotated = int.from_bytes(self._head[_LENGTH + 6 : _LENGTH + 8])
            self._lead, self._trail = (checksum, 0) if rotated else (0, checksum)
        if not checksum <= size <= MAX_WRAPPED:
            raise Undecodable("ldap", 0, "wrapped_length")
        self._left = size - checksum
        self._head.clear()
