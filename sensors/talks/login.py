"""NTLM and Kerberos logins as they go by inside SMB, DCERPC and LDAP; a login by NTLM is an event of its own."""

from __future__ import annotations

from sensors.decode.fault import Undecodable
from sensors.decode.kerberos import Ticket, decode_ap_request
from sensors.decode.ntlm import AUTHENTICATE, CHALLENGE, Ntlm, decode_ntlm
from sensors.decode.spnego import Token, decode_token
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put


class Login:
    """One login: its tokens are given in order, then its outcome, and then it is an event (where it was NTLM)."""

    __slots__ = ("_begun", "_ordinal", "authenticate", "broken", "challenge", "negotiate", "ticket", "told")

    def __init__(self) -> None:
        self._begun: Moment | None = None
        self._ordinal = 0
        self.negotiate: Ntlm | None = None
        self.challenge: Ntlm | None = None
        self.authenticate: Ntlm | None = None
        self.ticket: Ticket | None = None
        self.broken = False  # a token could not be read
        self.told = False

    def token(self, data: bytes, at: Moment, beginnings: Beginnings) -> Token:
        """What a security token adds. A broken one is marked, since what carries it is whole."""
        try:
            token = decode_token(data)
            if token.ntlm:
                self._ntlm(decode_ntlm(token.ntlm), at, beginnings)
            elif token.kerberos[:1] == b"\x6e":
                self.ticket = decode_ap_request(token.kerberos)
        except Undecodable:
            self.broken = True
            return Token()
        return token

    def _ntlm(self, message: Ntlm, at: Moment, beginnings: Beginnings) -> None:
        if self._begun is None:
            self._begun, self._ordinal = at, beginnings.next("ntlm", at)
        if message.type == CHALLENGE:
            self.challenge = message
        elif message.type == AUTHENTICATE:
            self.authenticate = message
        else:
            self.negotiate = message

    @property
    def user(self) -> Document:
        """ECS `user` of the one who logs in; empty where that is not known, or nobody (an anonymous login)."""
        user: Document = {}
        if self.authenticate is not None and self.authenticate.user:
            user["name"] = self.authenticate.user
            put(user, "domain", self.authenticate.domain or None)
        return user

    @property
    def fields(self) -> Document:
        """What the carrier's own event says of the login: Suricata's `ntlmssp` and `kerberos`."""
        fields: Document = {}
        if self.authenticate is not None:
            fields["ntlmssp"] = {
                name: value
                for name, value in (
                    ("domain", self.authenticate.domain),
                    ("user", self.authenticate.user),
                    ("host", self.authenticate.workstation),
                    ("version", self.authenticate.version),
                    ("anonymous", self.authenticate.anonymous),
                )
                if value
            }
        if self.broken:
            put(fields, "ntlmssp.warning", True)
        if self.ticket is not None:
            fields["kerberos"] = {"realm": self.ticket.realm, "snames": list(self.ticket.sname)}
        return fields

    @property
    def hosts(self) -> tuple[str, ...]:
        names: list[str] = []
        if self.authenticate is not None:
            names.append(self.authenticate.workstation)
        if self.challenge is not None:
            target = self.challenge.target
            names += [target.get("nb_computer", ""), target.get("dns_computer", "")]
        return tuple(name.lower() for name in names if name)

    def found(self, success: bool | None) -> Found | None:
        """The `ntlm` event (one per authentication, as in Zeek's ntlm.log); None without NTLM, or when told before."""
        if self._begun is None or self.told:
            return None
        self.told = True
        ntlm: Document = {}
        if self.authenticate is not None:
            put(ntlm, "username", self.authenticate.user or None)
            put(ntlm, "domainname", self.authenticate.domain or None)
            put(ntlm, "hostname", self.authenticate.workstation or None)
            put(ntlm, "version", self.authenticate.version or None)
            put(ntlm, "anonymous", self.authenticate.anonymous or None)
        elif self.negotiate is not None:
            put(ntlm, "hostname", self.negotiate.workstation or None)
            put(ntlm, "version", self.negotiate.version or None)
        if self.challenge is not None:
            target = self.challenge.target
            put(ntlm, "server_nb_computer_name", target.get("nb_computer"))
            put(ntlm, "server_dns_computer_name", target.get("dns_computer"))
            put(ntlm, "server_tree_name", target.get("tree"))
            put(ntlm, "server_nb_domain_name", target.get("nb_domain") or self.challenge.domain or None)
            put(ntlm, "server_version", self.challenge.version or None)
        put(ntlm, "success", success)
        fields: Document = {"vonggac": {"ntlm": ntlm}}
        if self.user:
            fields["user"] = self.user
        event = {} if success is None else {"outcome": "success" if success else "failure"}
        return Found("ntlm", self._begun, self._ordinal, fields, event, self.hosts)
