"""What POP3 and IMAP share: a command with its reply, and the messages that came with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensors.streams import Moment
from sensors.talks.mail import Mail
from sensors.talks.mail_event import MailFields, mail_fields
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

#: Messages of one command that are told besides the first, in short.
MAX_MESSAGES = 64


@dataclass(slots=True, eq=False)
class Command:
    """`verb` is empty where a reply came that no command asked for."""

    begun: Moment
    ordinal: int
    verb: str = ""
    tag: str = ""
    argument: str = ""
    secret: bool = False  # the client gave a password with it
    user: str | None = None
    mechanism: str | None = None
    status: str = ""
    text: str = ""
    answered_ns: int = 0
    mail: MailFields | None = None
    messages: int = 0
    others: list[Document] = field(default_factory=list)

    def add(self, mail: Mail) -> None:
        """A message that came with the command: the first is told in full."""
        told = mail_fields(mail)
        self.messages += 1
        if self.mail is None:
            self.mail = told
        elif len(self.others) < MAX_MESSAGES:
            short: Document = {}
            for name in ("message_id", "subject"):
                put(short, name, told.email.get(name))
            put(short, "from", told.email.get("from", {}).get("address"))
            self.others.append(short)

    def answer(self, status: str, text: str, at: Moment) -> None:
        self.status, self.text, self.answered_ns = status, text, at.ns


def command_found(protocol: str, command: Command) -> Found:
    """The event of a command as far as it was seen."""
    own: Document = {}
    put(own, "command", command.verb or None)
    put(own, "tag", command.tag or None)
    put(own, "command_data", command.argument or None)
    put(own, "auth_mechanism", command.mechanism)
    if command.secret:
        own["password"] = True
    put(own, "status", command.status or None)
    put(own, "reply", command.text or None)
    fields: Document = {"vonggac": {protocol: own}}
    put(fields, "user.name", command.user)
    event: Document = {}
    if command.status:
        event["outcome"] = "success" if command.status in ("OK", "PREAUTH") else "failure"
        if command.verb:
            event["duration"] = max(0, command.answered_ns - command.begun.ns)
    if command.secret and command.status:
        event |= {"category": ["email", "network", "authentication"], "type": ["protocol", "start"]}
    mail = command.mail
    if mail is None:
        return Found(protocol, command.begun, command.ordinal, fields, event)
    fields["email"] = mail.email
    own |= mail.own
    if command.messages > 1:
        own |= {"messages_count": command.messages, "messages": command.others}
    return Found(protocol, command.begun, command.ordinal, fields, event, mail.hosts, mail.ips, mail.hashes)
