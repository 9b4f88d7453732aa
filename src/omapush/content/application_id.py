"""Push application ids: the OMNA registry both ways, and X-Wap-Application-Id (WAP-251, 5.2.2.1).

A header value is an absolute URI, optionally with ``;app-encoding=`` and a code, or a bare code. A
code has one to eight *hexadecimal* digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omapush.content.message import PushMessage
from omapush.core.errors import DecodeError

HEADER = "X-Wap-Application-Id"

# OMNA push application id registry. 0x904B, a second registration of push.sia, is left out.
REGISTRY: dict[int, str] = {
    0x00: "x-wap-application:*",
    0x01: "x-wap-application:push.sia",
    0x02: "x-wap-application:wml.ua",
    0x03: "x-wap-application:wta.ua",
    0x04: "x-wap-application:mms.ua",
    0x05: "x-wap-application:push.syncml",
    0x06: "x-wap-application:loc.ua",
    0x07: "x-wap-application:syncml.dm",
    0x08: "x-wap-application:drm.ua",
    0x09: "x-wap-application:emn.ua",
    0x0A: "x-wap-application:wv.ua",
    0x10: "x-oma-application:ulp.ua",
    0x11: "x-oma-application:dlota.ua",
    0x12: "x-oma-application:java-ams",
    0x13: "x-oma-application:bcast.ua",
    0x14: "x-oma-application:dpe.ua",
    0x15: "x-oma-application:cpm.ua",
    0x16: "x-oma-application:evvm.ua",
    0x17: "x-oma-application:twinning.ua",
    0x18: "x-oma-application:mobar.ua",
    0x19: "x-oma-application:snew.ua",
    0x1A: "x-wap-application:lwm2m.dm",
    0x8000: "x-wap-microsoft:localcontent.ua",
    0x8001: "x-wap-microsoft:IMclient.ua",
    0x8002: "x-wap-docomo:imode.mail.ua",
    0x8003: "x-wap-docomo:imode.mr.ua",
    0x8004: "x-wap-docomo:imode.mf.ua",
    0x8005: "x-motorola:location.ua",
    0x8006: "x-motorola:now.ua",
    0x8007: "x-motorola:otaprov.ua",
    0x8008: "x-motorola:browser.ua",
    0x8009: "x-motorola:splash.ua",
    0x800B: "x-wap-nai:mvsw.command",
    0x8010: "x-wap-openwave:iota.ua",
    0x9000: "x-wap-docomo:imode.mail2.ua",
    0x9001: "x-oma-nec:otaprov.ua",
    0x9002: "x-oma-nokia:call.ua",
    0x9003: "x-oma-coremobility:sqa.ua",
    0x9004: "x-oma-docomo:doja.jam.ua",
    0x9010: "x-oma-nokia:sip.ua",
    0x9011: "x-oma-vodafone:otaprov.ua",
    0x9012: "x-hutchison:ad.ua",
    0x9013: "x-oma-nokia:voip.ua",
    0x9014: "x-oma-docomo:voice.ua",
    0x9015: "x-oma-docomo:browser.ctl",
    0x9016: "x-oma-docomo:dan.ua",
    0x9017: "x-oma-nokia:vs.ua",
    0x9018: "x-oma-nokia:voip.ext1.ua",
    0x9019: "x-wap-vodafone:casting.ua",
    0x901A: "x-oma-docomo:imode.data.ua",
    0x901B: "x-oma-snapin:otaprov.ctl",
    0x901C: "x-oma-nokia:vrs.ua",
    0x901D: "x-oma-nokia:vrpg.ua",
    0x901E: "x-oma-motorola:screen3.ua",
    0x901F: "x-oma-docomo:device.ctl",
    0x9020: "x-oma-nokia:msc.ua",
    0x9021: "x-3gpp2:lcs.ua",
    0x9022: "x-wap-vodafone:dcd.ua",
    0x9023: "x-3gpp:mbms.service.announcement.ua",
    0x9024: "x-oma-vodafone:dltmtbl.ua",
    0x9025: "x-oma-vodafone:dvcctl.ua",
    0x9026: "x-oma-cmcc:mail.ua",
    0x9027: "x-oma-nokia:vmb.ua",
    0x9028: "x-oma-nokia:ldapss.ua",
    0x9029: "x-hutchison:al.ua",
    0x902A: "x-oma-nokia:uma.ua",
    0x902B: "x-oma-nokia:news.ua",
    0x902C: "x-oma-docomo:pf",
    0x902D: "x-oma-docomo:ub",
    0x902E: "x-oma-nokia:nat.traversal.ua",
    0x902F: "x-oma-intromobile:intropad.ua",
    0x9030: "x-oma-docomo:uin.ua",
    0x9031: "x-oma-nokia:iptv.ua",
    0x9032: "x-hutchison:il.ua",
    0x9033: "x-oma-nokia:voip.general.ua",
    0x9034: "x-microsoft:drm.meter",
    0x9035: "x-microsoft:drm.license",
    0x9036: "x-oma-docomo:ic.ctl",
    0x9037: "x-oma-slingmedia:SPM.ua",
    0x9038: "x-cibenix:odp.ua",
    0x9039: "x-oma-motorola:voip.ua",
    0x903A: "x-oma-motorola:ims",
    0x903B: "x-oma-docomo:imode.remote.ctl",
    0x903C: "x-oma-docomo:device.ctl.um",
    0x903D: "x-microsoft:playready.drm.initiator",
    0x903E: "x-microsoft:playready.drm",
    0x903F: "x-oma-sbm:ms.mexa.ua",
    0x9040: "urn:oma:drms:org-LGE:L650V",
    0x9041: "x-oma-docomo:um",
    0x9042: "x-oma-docomo:uin.um",
    0x9043: "urn:oma:drms:org-LGE:KU450",
    0x9044: "x-wap-microsoft:cfgmgr.ua",
    0x9045: "x-3gpp:mbms.download.delivery.ua",
    0x9046: "x-oma-docomo:star.ctl",
    0x9047: "urn:oma:drms:org-LGE:KU380",
    0x9048: "x-oma-docomo:pf2",
    0x9049: "x-oma-motorola:blogcentral.ua",
    0x904A: "x-oma-docomo:imode.agent.ua",
    0x904C: "x-oma-nokia:destination.network.ua",
    0x904D: "x-oma-sbm:mid2.ua",
    0x904E: "x-carrieriq:avm.ctl",
    0x904F: "x-oma-sbm:ms.xml.ua",
    0x9050: "urn:dvb:ipdc:notification:2008",
    0x9051: "x-oma-docomo:imode.mvch.ua",
    0x9052: "x-oma-motorola:webui.ua",
    0x9053: "x-oma-sbm:cid.ua",
    0x9054: "x-oma-nokia:vcc.v1.ua",
    0x9055: "x-oma-docomo:open.ctl",
    0x9056: "x-oma-docomo:sp.mail.ua",
    0x9057: "x-essoy-application:push.erace",
    0x9058: "x-oma-docomo:open.fu",
    0x9059: "x-samsung:osp.ua",
    0x905A: "x-oma-docomo:imode.mchara.ua",
    0x905B: "x-oma-application:scidm.ua",
    0x905C: "x-oma-docomo:xmd.mail.ua",
    0x905D: "x-oma-application:pal.ua",
    0x905E: "x-oma-docomo:imode.relation.ua",
    0x905F: "x-oma-docomo:xmd.storage.ua",
    0x9060: "x-oma-docomo:xmd.lcsapp.ua",
    0x9061: "x-oma-docomo:xmd.info.ua",
    0x9062: "x-oma-docomo:xmd.agent.ua",
    0x9063: "x-oma-docomo:xmd.sab.ua",
    0x9064: "x-oma-docomo:xmd.am.ua",
    0x9065: "x-oma-application:push.scws",
    0x9066: "x-oma-docomo:xmd.disastermessageapp.ua",
    0x9067: "x-innopath:wamp.notification",
    0x9068: "x-wap-docomo:interp.ctl",
    0x9069: "x-oma-kddi:apps.ua",
    0x906A: "x-oma-kddi:push.ua",
    0x906B: "x-oma-docomo:xmd.emdm.ua",
    0x906C: "x-oma-docomo:xmd.lac.ua",
    0x906D: "x-oma-docomo:xmd.osv.ua",
    0x906E: "x-oma-docomo:xmd.dcs.ua",
    0x906F: "x-oma-docomo:xmd.wipe.ua",
    0x9070: "x-oma-docomo:xmd.vdapp.ua",
    0x9071: "x-3gpp.gba.andsf.ua",
    0x9072: "x-oma-docomo:xmd.concier.ua",
    0x9073: "x-oma-docomo:xmd.mobacas.push.ua",
    0x9074: "x-oma-docomo:xmd.id.ua",
    0x9075: "x-oma-kddi:auth.us",
    0x9076: "x-oma-docomo:xmd.kidswatch.ua",
    0x9077: "x-oma-docomo:xmd.vm.ua",
    0x9078: "x-oma-docomo:ctl.um",
    0x9079: "x-oma-docomo:ctl.smspush",
    0x907A: "x-wap-application:ota-server",
    0x907B: "x-wap-application:subman-server",
    0x907C: "x-oma-docomo:xmd.emdm2.ua",
    0x907D: "x-oma-docomo:xmd.haa.ua",
    0x907E: "x-oma-docomo:xmd.help.ua",
    0x907F: "x-oma-docomo:xmd.credit_id.ua",
    0x9080: "x-oma-att:adtm.ua",
    0x9081: "x-oma-docomo:ctl.FTS.application",
    0x9082: "x-oma-docomo:ctl.NCS.application",
    0x9083: "x-oma-docomo:xmd.dds.ua",
    0x9084: "x-oma-docomo:xmd.messagedl.ua",
}
"""URN by code, as OMNA registered them."""

_ALIASES = {
    "x-oma-application:cpm:ua": 0x15,
    "x-wap-openvawe:iota.ua": 0x8010,
    "x-wap-3gpp:gba.andsf": 0x9071,
}
"""Spellings in older lists and deployed senders."""

_ALIAS_CODES = {0x904B: 0x01}

_WITHOUT_SCHEME = frozenset(urn for urn in REGISTRY.values() if ":" not in urn)
"""What OMNA registered although it is no URI."""

ANY_APPLICATION = 0x00
DEFAULT_APPLICATION = 0x02
"""The WML user agent takes what names no application (WAP-235, 7.3)."""

MAX_LENGTH = 512
"""Characters of the longest header value that is looked at."""

_CODE = re.compile(r"[0-9A-Fa-f]{1,8}")
_ABSOLUTE_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x3a\x3c-\x7e]+")
_VALUE = re.compile(
    rf"(?P<uri>{_ABSOLUTE_URI.pattern})(?:\s*;\s*app-encoding\s*=\s*\"?(?P<code>{_CODE.pattern})\"?)?",
    re.IGNORECASE,
)


def _folded(uri: str) -> str:
    """Return what two spellings of one application id have in common.

    The scheme never distinguishes, and names under ``x-wap-application:`` are taken in any case.
    """
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    return f"{scheme}:{rest.lower() if scheme == 'x-wap-application' else rest}"


_CODES = {_folded(urn): code for code, urn in REGISTRY.items()} | _ALIASES


@dataclass(frozen=True, slots=True)
class ApplicationId:
    """An application id as a header gave it: a URI, a code, or both; never neither."""

    uri: str | None
    code: int | None

    @classmethod
    def parse(cls, value: str) -> ApplicationId:
        """Read a header value.

        :raises DecodeError: no absolute URI, registered name, or one to eight hexadecimal digits.
        """
        text = value.strip()
        if _CODE.fullmatch(text):
            return cls(None, int(text, 16))
        found = _VALUE.fullmatch(text) if len(text) <= MAX_LENGTH else None
        if found is None and text in _WITHOUT_SCHEME:
            return cls(text, None)
        if found is None:
            raise DecodeError(f"not an application id: {text[:60]!r}", HEADER)
        return cls(found["uri"], int(found["code"], 16) if found["code"] else None)

    @classmethod
    def of(cls, message: PushMessage) -> ApplicationId:
        """Return the application that ``message`` is for; without the header, the WML user agent.

        :raises DecodeError: the header has no legal form.
        """
        value = message.get(HEADER)
        return cls(None, DEFAULT_APPLICATION) if value is None else cls.parse(value)

    @property
    def registered_code(self) -> int | None:
        """The code that OMNA gave to the URI; without a URI the given code."""
        if self.uri is not None:
            return _CODES.get(_folded(self.uri))
        return _ALIAS_CODES.get(self.code, self.code) if self.code is not None else None

    @property
    def canonical(self) -> str:
        """One spelling for each application: its registered URN, else the URI or the number.

        An unregistered URI keeps its spelling but for the scheme.
        """
        code = self.registered_code
        if code is not None:
            return REGISTRY.get(code, f"{code:X}")
        return _folded(self.uri or "")

    def same_application(self, other: ApplicationId) -> bool:
        """Whether both name one application; ``*`` names every one."""
        if ANY_APPLICATION in (self.registered_code, other.registered_code):
            return True
        if self.canonical == other.canonical:
            return True
        # A private code stands for the URI that it was sent with (PPG 5.1.2.1.2).
        return self.code is not None and self.code == other.code

    def __str__(self) -> str:
        return self.canonical


def outgoing_value(value: str | None) -> str:
    """Return the header value for the air (PPG 5.1.2.1.2).

    A registered URI goes out as its number whatever code the initiator gave, in hexadecimal; an
    unregistered one with a code as that code; any other value as it is. No header means the
    default.

    :raises DecodeError: ``value`` has no legal form.
    """
    if value is None:
        return f"{DEFAULT_APPLICATION:X}"
    application = ApplicationId.parse(value)
    if application.uri is None:
        return value.strip()
    registered = application.registered_code
    code = application.code if registered is None else registered
    return application.uri if code is None else f"{code:X}"
