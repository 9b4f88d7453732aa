"""What the demo pushes: a Service Indication, and the octets of an MMS notification."""

from __future__ import annotations

SERVICE_INDICATION = b"""\
<?xml version="1.0"?>
<!DOCTYPE si PUBLIC "-//WAPFORUM//DTD SI 1.0//EN" "http://www.wapforum.org/DTD/si.dtd">
<si><indication href="http://weather.example.net/storm" si-id="storm-7" action="signal-high"\
 created="2026-11-21T09:00:00Z" si-expires="2026-11-22T09:00:00Z">\
Storm warning for tonight</indication></si>
"""

# M-Notification.ind (MMS encapsulation, WAP-209, 6.2): field numbers have the top bit set.
MMS_NOTIFICATION = b"".join(
    (
        b"\x8c\x82",  # X-Mms-Message-Type: m-notification-ind
        b"\x98demo-1\x00",  # X-Mms-Transaction-ID
        b"\x8d\x90",  # X-Mms-MMS-Version: 1.0
        b"\x89\x19",  # From: value length;
        b"\x80+447700900123/TYPE=PLMN\x00",  # address-present-token, address
        b"\x8a\x80",  # X-Mms-Message-Class: personal
        b"\x8e\x02\x75\x30",  # X-Mms-Message-Size: 30,000 octets
        b"\x88\x05\x81\x03\x03\xf4\x80",  # X-Mms-Expiry: relative, 259,200 seconds
        b"\x83http://mmsc.example.net/demo-1\x00",  # X-Mms-Content-Location
    )
)
