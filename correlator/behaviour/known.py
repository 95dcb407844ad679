"""Services that programs turn to as a matter of course: updates, certificates, reputation, connectivity checks."""

from __future__ import annotations

from functools import lru_cache

#: Registered names and names below which everything is such a service.
SERVICES = frozenset(
    {
        # updates and connectivity checks of operating systems
        "windowsupdate.com", "update.microsoft.com", "delivery.mp.microsoft.com", "msftconnecttest.com", "msftncsi.com",
        "events.data.microsoft.com", "settings-win.data.microsoft.com", "wns.windows.com", "time.windows.com",
        "connectivity-check.ubuntu.com", "archive.ubuntu.com", "security.ubuntu.com", "deb.debian.org",
        "fedoraproject.org", "security.debian.org", "detectportal.firefox.com", "connectivitycheck.gstatic.com",
        "captive.apple.com", "push.apple.com", "swcdn.apple.com", "mesu.apple.com", "gdmf.apple.com",
        # browsers
        "update.googleapis.com", "clients1.google.com", "clients2.google.com", "clients4.google.com",
        "mtalk.google.com", "safebrowsing.googleapis.com", "push.services.mozilla.com", "services.mozilla.com",
        # revocation of certificates
        "ocsp.digicert.com", "crl3.digicert.com", "ocsp.pki.goog", "lencr.org", "ocsp.sectigo.com", "globalsign.com",
        # reputation of names and files, asked by names that look like a tunnel
        "sophosxl.net", "avts.mcafee.com", "avqs.mcafee.com", "spamhaus.org", "surbl.org", "uribl.com",
        "barracudacentral.org", "trendmicro.com", "e5.sk", "kaspersky-labs.com", "cymru.com", "senderbase.org",
        # time
        "pool.ntp.org", "time.google.com", "time.cloudflare.com", "time.apple.com",
    }
)  # fmt: skip


@lru_cache(65_536)
def is_service(name: str) -> bool:
    """Whether the name is one of SERVICES or below one."""
    parts = name.split(".")
    return any(".".join(parts[at:]) in SERVICES for at in range(len(parts) - 1))
