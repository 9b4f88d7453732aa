"""UAProf's Profile-Diff (WAP-248).

The property-as-attribute tokens of pages 1 and 2 are left out: a profile writes properties as
elements.
"""

from omapush.protocols.wbxml.tokens import Page, TokenTable, WhiteSpace, consecutive, words

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PRF = "http://www.wapforum.org/profiles/UAPROF/ccppschema-20010430#"

_COMPONENTS = (
    "HardwarePlatform SoftwarePlatform NetworkCharacteristics WapCharacteristics BrowserUA"
    " PushCharacteristics"
)


def _page(names: str, first: int, properties: dict[int, str]) -> Page:
    """Return a page: RDF's own names counting up from ``first``, and properties at their places."""
    qualified = {
        token: f"prf:{name}"
        for start, part in properties.items()
        for token, name in consecutive(start, part).items()
    }
    return consecutive(first, names) | qualified


_RDF = "rdf:Description rdf:Alt rdf:Bag rdf:Seq rdf:li rdf:type"
_CORE = {
    0x0C: "component defaults BitsPerPixel ColorCapable CPU ImageCapable InputCharSet Keyboard",
    0x15: "Model OutputCharSet PointingResolution ScreenSize ScreenSizeChar NumberOfSoftKeys"
    " SoundOutputCapable TextInputCapable Vendor VoiceInputCapable AcceptDownloadableSoftware"
    " AudioInputEncoder DownloadableSoftwareSupport JavaEnabled JVMVersion MexeClassmark MexeSpec"
    " OSName OSVendor OSVersion RecipientAppAgent SoftwareNumber VideoInputEncoder"
    " CurrentBearerService SecuritySupport SupportedBearers WapDeviceClass WapPushMsgPriority"
    " WapPushMsgSize WapVersion WmlDeckSize WmlScriptLibraries WmlScriptVersion WmlVersion"
    " WtaiLibraries WtaVersion PixelAspectRatio StandardFontProportional"
    " WapSupportedApplications BluetoothProfile MexeClassmarks MexeSecureDomains",
}
_CORE_2 = {
    0x10: "SupportedBluetoothVersion SupportedPictogramSet CcppAccept CcppAccept-Charset"
    " CcppAccept-Encoding CcppAccept-Language"
}
_BROWSER = {
    0x0B: "component defaults BrowserName BrowserVersion CcppAccept CcppAccept-Charset"
    " CcppAccept-Encoding CcppAccept-Language DownloadableBrowserApps FramesCapable HtmlVersion"
    " JavaAppletEnabled JavaScriptEnabled JavaScriptVersion PreferenceForFrames TablesCapable"
    " XhtmlVersion XhtmlModules"
}
_PUSH = (
    "Push-Accept Push-Accept-Charset Push-Accept-Encoding Push-Accept-Language"
    " Push-Accept-AppID Push-MsgSize Push-MaxPushReq"
)

UAPROF = TokenTable(
    title="UAProf Profile-Diff",
    root="rdf:RDF",
    # What a push client has to say of itself stands on page 3, so that is where to look first.
    tags={
        0: consecutive(0x05, f"rdf:RDF {_RDF} rdf:value rdf:subject rdf:predicate rdf:object"),
        3: _page(_RDF, 0x05, {0x0B: f"component defaults {_PUSH}"}),
        1: _page(_RDF, 0x06, _CORE),
        2: _page(_RDF, 0x05, _BROWSER),
        4: _page("", 0x05, _CORE_2),
    },
    starts={
        0: consecutive(
            0x05,
            "ID rdf:about rdf:aboutEach rdf:aboutEachPrefix rdf:bagID rdf:type rdf:resource"
            " rdf:parseType=Literal rdf:parseType=Resource xml:lang xmlns:prf xmlns:rdf",
        ),
        1: {0x05: "rdf:resource"}
        | consecutive(0x06, " ".join(f"rdf:resource={PRF}{name}" for name in _COMPONENTS.split())),
        3: consecutive(0x05, " ".join(f"prf:{name}" for name in _PUSH.split())),
    },
    values={
        0: consecutive(
            0x85,
            "rdf:Statement http:// http://www. https:// https://www. www. .com/ .edu/ .net/ .org/",
        ),
        1: consecutive(0x85, "No Yes"),
        2: consecutive(0x85, "No Yes"),
    },
    fragments=words("http:// http://www. https:// https://www. www. .com/ .edu/ .net/ .org/"),
    keeps_page=True,
    white_space=WhiteSpace.TRIM,
    namespaces={"rdf": RDF, "prf": PRF},
    aliases={
        "rdf:ID": "ID",
        "about": "rdf:about",
        "resource": "rdf:resource",
        "parseType": "rdf:parseType",
    },
)
