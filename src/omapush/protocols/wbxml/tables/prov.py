"""Client provisioning: PROV 1.0 and the additions of 1.1 (WAP-183)."""

from omapush.protocols.wbxml.tokens import TokenTable, consecutive


def _named(first: int, attribute: str, values: str) -> dict[int, str]:
    return consecutive(first, " ".join(f"{attribute}={value}" for value in values.split()))


_STARTS_0 = (
    {0x05: "name", 0x06: "value", 0x45: "version", 0x46: "version=1.0", 0x50: "type"}
    | _named(
        0x07,
        "name",
        "NAME NAP-ADDRESS NAP-ADDRTYPE CALLTYPE VALIDUNTIL AUTHTYPE AUTHNAME AUTHSECRET LINGER"
        " BEARER NAPID COUNTRY NETWORK INTERNET PROXY-ID PROXY-PROVIDER-ID DOMAIN PROVURL"
        " PXAUTH-TYPE PXAUTH-ID PXAUTH-PW STARTPAGE BASAUTH-ID BASAUTH-PW PUSHENABLED PXADDR"
        " PXADDRTYPE TO-NAPID PORTNBR SERVICE LINKSPEED DNLINKSPEED LOCAL-ADDR LOCAL-ADDRTYPE"
        " CONTEXT-ALLOW TRUST MASTER SID SOC WSP-VERSION PHYSICAL-PROXY-ID CLIENT-ID"
        " DELIVERY-ERR-SDU DELIVERY-ORDER TRAFFIC-CLASS MAX-SDU-SIZE MAX-BITRATE-UPLINK"
        " MAX-BITRATE-DNLINK RESIDUAL-BER SDU-ERROR-RATIO TRAFFIC-HANDL-PRIO TRANSFER-DELAY"
        " GUARANTEED-BITRATE-UPLINK GUARANTEED-BITRATE-DNLINK PXADDR-FQDN PROXY-PW PPGAUTH-TYPE",
    )
    | _named(
        0x47,
        "name",
        "PULLENABLED DNS-ADDR MAX-NUM-RETRY FIRST-RETRY-TIMEOUT REREG-THRESHOLD T-BIT",
    )
    | _named(0x4E, "name", "AUTH-ENTITY SPI")
    | _named(
        0x51,
        "type",
        "PXLOGICAL PXPHYSICAL PORT VALIDITY NAPDEF BOOTSTRAP VENDORCONFIG CLIENTIDENTITY"
        " PXAUTHINFO NAPAUTHINFO ACCESS",
    )
)
_STARTS_1 = (
    {0x05: "name", 0x06: "value", 0x07: "name=NAME", 0x14: "name=INTERNET"}
    | {0x1C: "name=STARTPAGE", 0x50: "type", 0x53: "type=PORT"}
    | _named(0x22, "name", "TO-NAPID PORTNBR SERVICE")
    | _named(
        0x2E,
        "name",
        "AACCEPT AAUTHDATA AAUTHLEVEL AAUTHNAME AAUTHSECRET AAUTHTYPE ADDR ADDRTYPE APPID"
        " APROTOCOL PROVIDER-ID TO-PROXY URI RULE",
    )
    | _named(0x55, "type", "APPLICATION APPADDR APPAUTH CLIENTIDENTITY RESOURCE")
)
_VALUES_0 = (
    consecutive(0x85, "IPV4 IPV6 E164 ALPHA APN SCODE TETRA-ITSI MAN")
    | consecutive(
        0x90, "ANALOG-MODEM V.120 V.110 X.31 BIT-TRANSPARENT DIRECT-ASYNCHRONOUS-DATA-SERVICE"
    )
    | consecutive(0x9A, "PAP CHAP HTTP-BASIC HTTP-DIGEST WTLS-SS MD5")
    | consecutive(
        0xA2,
        "GSM-USSD GSM-SMS ANSI-136-GUTS IS-95-CDMA-SMS IS-95-CDMA-CSD IS-95-CDMA-PACKET"
        " ANSI-136-CSD ANSI-136-GPRS GSM-CSD GSM-GPRS AMPS-CDPD PDC-CSD PDC-PACKET IDEN-SMS"
        " IDEN-CSD IDEN-PACKET FLEX/REFLEX PHS-SMS PHS-CSD TETRA-SDS TETRA-PACKET ANSI-136-GHOST"
        " MOBITEX-MPAK CDMA2000-1X-SIMPLE-IP CDMA2000-1X-MOBILE-IP",
    )
    | {0xC5: "AUTOBAUDING"}
    | consecutive(
        0xCA,
        "CL-WSP CO-WSP CL-SEC-WSP CO-SEC-WSP CL-SEC-WTA CO-SEC-WTA OTA-HTTP-TO OTA-HTTP-TLS-TO"
        " OTA-HTTP-PO OTA-HTTP-TLS-PO",
    )
    | {0xE0: "AAA", 0xE1: "HA"}
)
_VALUES_1 = (
    consecutive(0x86, "IPV6 E164 ALPHA")
    | {0x8D: "APPSRV", 0x8E: "OBEX", 0x90: ","}
    | ({0x91: "HTTP-", 0x92: "BASIC", 0x93: "DIGEST"})
)

PROV = TokenTable(
    title="PROV 1.0",
    root="wap-provisioningdoc",
    public_id=0x0B,
    public_name="-//WAPFORUM//DTD PROV 1.0//EN",
    system_id="http://www.wapforum.org/DTD/prov.dtd",
    tags={
        0: consecutive(0x05, "wap-provisioningdoc characteristic parm"),
        1: consecutive(0x06, "characteristic parm"),
    },
    starts={0: _STARTS_0, 1: _STARTS_1},
    values={0: _VALUES_0, 1: _VALUES_1},
    # On page 1 (and for these two on either) decoders disagree; strings are understood by all.
    unwritten=frozenset({",", "HTTP-", "BASIC", "DIGEST", "APPSRV", "OBEX", "AAA", "HA"}),
)
