"""Any octets are a PAP entity or a BadMessage; what was split can be joined and split again."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.pap.bad_message import BadMessage
    from omapush.pap.entity import join, split

RELATED = 'multipart/related; boundary="b"; type="application/xml"'


def one_input(octets: bytes) -> None:
    try:
        entity = split(RELATED, octets)
    except BadMessage:
        return
    content_type, joined = join(entity.control, entity.content, entity.capabilities)
    if entity.control:
        assert split(content_type, joined).control == entity.control


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
