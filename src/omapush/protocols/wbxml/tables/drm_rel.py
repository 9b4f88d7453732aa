"""DRM rights expressions, REL 1.0."""

from omapush.protocols.wbxml.opaque import BASE64
from omapush.protocols.wbxml.tokens import TokenTable, consecutive

DRM_REL = TokenTable(
    title="DRMREL 1.0",
    root="o-ex:rights",
    public_id=0x0E,
    public_name="-//OMA//DTD DRMREL 1.0//EN",
    system_id="http://www.openmobilealliance.org/DTD/drmrel10.dtd",
    tags={
        0: consecutive(
            0x05,
            "o-ex:rights o-ex:context o-dd:version o-dd:uid o-ex:agreement o-ex:asset ds:KeyInfo"
            " ds:KeyValue o-ex:permission o-dd:play o-dd:display o-dd:execute o-dd:print"
            " o-ex:constraint o-dd:count o-dd:datetime o-dd:start o-dd:end o-dd:interval",
        )
    },
    starts={0: consecutive(0x05, "xmlns:o-ex xmlns:o-dd xmlns:ds")},
    values={
        0: consecutive(
            0x85,
            "http://odrl.net/1.1/ODRL-EX http://odrl.net/1.1/ODRL-DD"
            " http://www.w3.org/2000/09/xmldsig#/",
        )
    },
    content_codecs={"ds:KeyValue": BASE64},
)
