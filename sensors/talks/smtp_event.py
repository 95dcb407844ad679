"""What a transaction of SMTP becomes: the fields of an `smtp` event."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensors.decode.reply import Reply
from sensors.streams import Moment
from sensors.talks.mail import Mail
from sensors.talks.mail_event import is_ip, mail_fields, names_only
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

#: Recipients kept of one message.
MAX_RECIPIENTS = 100


@dataclass(slots=True)
class Session:
    """What holds for every message of a connection."""

    banner: str | None = None
    helo: str | None = None
    mechanism: str | None = None
    user: str | None = None
    authenticated: bool | None = None
    auth_failures: int = 0
    tls: bool = False
    commands: int = 0  # all but QUIT
    depth: int = 0  # transactions so far
    reply: Reply | None = None


@dataclass(slots=True, eq=False)
class Transaction:
    """From MAIL to the reply that settles it. `ended`: its message was seen to its end."""

    begun: Moment
    ordinal: int
    depth: int
    mail_from: str | None = None
    rcpt_to: list[str] = field(default_factory=list)
    rcpt_count: int = 0
    refused: list[str] = field(default_factory=list)
    mail: Mail | None = None
    ended: bool = False
    reply: Reply | None = None
    answered_ns: int = 0

    def to(self, recipient: str | None) -> None:
        self.rcpt_count += 1
        if recipient is not None and len(self.rcpt_to) < MAX_RECIPIENTS:
            self.rcpt_to.append(recipient)

    def refuse(self, recipient: str) -> None:
        if len(self.refused) < MAX_RECIPIENTS:
            self.refused.append(recipient)


def smtp_found(session: Session, transaction: Transaction) -> Found:
    """The event of a transaction as far as it was seen."""
    own: Document = {}
    put(own, "banner", session.banner)
    put(own, "helo", session.helo or None)
    put(own, "mail_from", transaction.mail_from)
    if transaction.rcpt_to:
        own["rcpt_to"] = list(transaction.rcpt_to)
    if transaction.rcpt_count > len(transaction.rcpt_to):
        own["rcpt_count"] = transaction.rcpt_count
    if transaction.refused:
        own["rcpt_refused"] = list(transaction.refused)
    if session.mechanism is not None:
        own["auth_mechanism"] = session.mechanism
        own["password"] = True
        put(own, "auth_success", session.authenticated)
        put(own, "auth_failures", session.auth_failures or None)
    own["tls"] = session.tls
    put(own, "trans_depth", transaction.depth or None)
    fields: Document = {"vonggac": {"smtp": own}}
    put(fields, "user.name", session.user or None)
    hosts = [
        host.lower().rstrip(".") for host in (session.helo, (transaction.mail_from or "").rpartition("@")[2]) if host
    ]
    ips = [literal for host in hosts if is_ip(literal := host.strip("[]").removeprefix("ipv6:"))]
    hashes: tuple[str, ...] = ()
    if transaction.mail is not None:
        mail = mail_fields(transaction.mail)
        fields["email"] = mail.email
        own |= mail.own
        own["complete"] = transaction.mail.complete
        hosts += mail.hosts
        ips += mail.ips
        hashes = mail.hashes
    event: Document = {}
    reply = transaction.reply or (None if transaction.depth else session.reply)
    if reply is not None:
        own["reply_code"] = reply.code
        own["last_reply"] = f"{reply.code} {reply.text}".rstrip()
        event["outcome"] = "success" if reply.accepted else "failure"
    if transaction.answered_ns:
        event["duration"] = max(0, transaction.answered_ns - transaction.begun.ns)
    return Found("smtp", transaction.begun, transaction.ordinal, fields, event, names_only(hosts), tuple(ips), hashes)
