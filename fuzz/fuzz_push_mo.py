"""Any octets are a Push Management Object with a report or a DecodeError, and never an answer of
the tree that OMA DM does not have.
"""

import dataclasses
import sys

import atheris

with atheris.instrument_imports():
    from omapush.client.push_mo import documents, json_form, tnds
    from omapush.client.push_mo.model import Reading
    from omapush.client.push_mo.node_form import node_of
    from omapush.client.push_mo.tree import ManagementTree, readable
    from omapush.core.errors import DecodeError

FORMS = (tnds.MEDIA_TYPE, json_form.MEDIA_TYPE, *documents.ADDITIONS)


def one_input(octets: bytes) -> None:
    for media_type in FORMS:
        try:
            mo = documents.read(octets, media_type).mo
        except DecodeError:
            continue
        for source in mo.whitelist or ():
            source.source()
        profiles = tuple(dataclasses.replace(one, auth_secret=None) for one in mo.profiles)
        shown = Reading(dataclasses.replace(mo, profiles=profiles))
        assert documents.read(json_form.write(mo), json_form.MEDIA_TYPE) == shown
        assert documents.read(tnds.write(readable(node_of(mo))), tnds.MEDIA_TYPE) == shown
    text = octets.decode("utf-8", "replace")
    uri, _, value = text.partition("\n")
    tree = ManagementTree()
    for result in (
        tree.get(uri),
        tree.add(f"./Push/{uri}", value),
        tree.add("./Push/PushWL/TrustedPPG/p", subtree=octets),
        tree.replace(f"./Push/{uri}", value),
        tree.get(f"./Push/{uri}"),
        tree.get("./Push?list=TNDS"),
        tree.delete(f"./Push/{uri}"),
    ):
        assert result.is_done or result.detail


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
