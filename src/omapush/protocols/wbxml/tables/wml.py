"""WML 1.1, 1.2 and 1.3 (WAP-191): the same tokens, each edition adding to the one before."""

from dataclasses import replace

from omapush.protocols.wbxml.tokens import TokenTable, WhiteSpace, consecutive, words
from omapush.protocols.wbxml.variables import Variables

_TAGS = (
    consecutive(0x1B, "pre a td tr table p postfield anchor access b big br card do em fieldset go")
    | consecutive(
        0x2C,
        "head i img input meta noop prev onevent optgroup option refresh select small strong",
    )
    | consecutive(0x3B, "template timer u setvar wml")
)
_STARTS = (
    consecutive(
        0x05,
        "accept-charset align=bottom align=center align=left align=middle align=right align=top"
        " alt content",
    )
    | {0x0F: "domain"}
    | consecutive(0x10, "emptyok=false emptyok=true format height hspace ivalue iname")
    | consecutive(
        0x18,
        "label localsrc maxlength method=get method=post mode=nowrap mode=wrap multiple=false"
        " multiple=true name newcontext=false newcontext=true onpick onenterbackward"
        " onenterforward ontimer optional=false optional=true path",
    )
    | consecutive(
        0x2E,
        "scheme sendreferer=false sendreferer=true size src ordered=true ordered=false tabindex"
        " title type type=accept type=delete type=help type=password type=onpick"
        " type=onenterbackward type=onenterforward type=ontimer",
    )
    | consecutive(
        0x45,
        "type=options type=prev type=reset type=text type=vnd. href href=http:// href=https://"
        " value vspace width xml:lang",
    )
    | consecutive(
        0x52,
        "align columns class id forua=false forua=true src=http:// src=https:// http-equiv"
        " http-equiv=Content-Type content=application/vnd.wap.wmlc;charset= http-equiv=Expires"
        " accesskey enctype enctype=application/x-www-form-urlencoded"
        " enctype=multipart/form-data xml:space=preserve xml:space=default cache-control=no-cache",
    )
)
_VALUES = (
    consecutive(
        0x85,
        ".com/ .edu/ .net/ .org/ accept bottom clear delete help http:// http://www. https://"
        " https://www.",
    )
    | consecutive(
        0x93,
        "middle nowrap onpick onenterbackward onenterforward ontimer options password reset",
    )
    | consecutive(0x9D, "text top unknown wrap www.")
)

WML_1_3 = TokenTable(
    title="WML 1.3",
    root="wml",
    public_id=0x0A,
    public_name="-//WAPFORUM//DTD WML 1.3//EN",
    system_id="http://www.wapforum.org/DTD/wml13.dtd",
    version=0x03,
    tags={0: _TAGS},
    starts={0: _STARTS},
    values={0: _VALUES},
    fragments=words(".com/ .edu/ .net/ .org/ http:// http://www. https:// https://www. www."),
    variables=Variables(
        escaped=words("href src onpick onenterbackward onenterforward ontimer"),
        plain=words("alt ivalue label localsrc name title value"),
    ),
    white_space=WhiteSpace.FOLD,
    element_only=words(
        "wml head card template do onevent go prev refresh noop select optgroup table tr"
    ),
    preserving=frozenset({"pre"}),
    entities={"nbsp": "\xa0", "shy": "\xad"},
)
WML_1_2 = replace(
    WML_1_3,
    title="WML 1.2",
    public_id=0x09,
    public_name="-//WAPFORUM//DTD WML 1.2//EN",
    system_id="http://www.wapforum.org/DTD/wml12.dtd",
    version=0x02,
)
WML_1_1 = replace(
    WML_1_3,
    title="WML 1.1",
    public_id=0x04,
    public_name="-//WAPFORUM//DTD WML 1.1//EN",
    system_id="http://www.wapforum.org/DTD/wml_1.1.xml",
    version=0x01,
)
