"""Syslog over UDP: one event per message, in ECS's `log.syslog.*`."""

from __future__ import annotations

from sensors.decode.syslog import FACILITIES, SEVERITIES, decode_syslog
from sensors.talks.message import MessageTalk, Read
from vonggac.domain.event import Document, put


def syslog_talk() -> MessageTalk:
    return MessageTalk("syslog", "syslog", read_syslog)


def read_syslog(data: bytes) -> Read:
    """Raises Undecodable for a message without a priority."""
    entry = decode_syslog(data)
    facility, severity = divmod(entry.priority, 8)
    fields: Document = {
        "log": {
            "syslog": {
                "priority": entry.priority,
                "facility": {"code": facility, "name": FACILITIES[facility]},
                "severity": {"code": severity, "name": SEVERITIES[severity]},
            }
        }
    }
    put(fields, "message", entry.message or None)
    put(fields, "log.syslog.version", str(entry.version) if entry.version else None)
    put(fields, "log.syslog.hostname", entry.host or None)
    put(fields, "log.syslog.appname", entry.program or None)
    put(fields, "log.syslog.procid", entry.process or None)
    put(fields, "log.syslog.msgid", entry.message_id or None)
    return Read(fields, {}, (entry.host.lower(),) if entry.host else ())
