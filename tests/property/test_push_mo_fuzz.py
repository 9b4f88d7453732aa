"""Whatever comes: documents are read or refused, forms say the same, the tree keeps its word."""

from __future__ import annotations

import dataclasses
import json

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from omapush.cai.model import RegistrationRejected
from omapush.client.push_mo import documents, json_form, tnds
from omapush.client.push_mo.model import (
    DefaultProfile,
    PushMO,
    Reading,
    TrustedApplication,
    TrustedKind,
    TrustedSource,
)
from omapush.client.push_mo.node import Format, Node, interior
from omapush.client.push_mo.node_form import model_of, named_apart, node_of, root_extensions
from omapush.client.push_mo.tree import ManagementTree, TreeLimits, readable
from omapush.client.trust.source_addresses import read_party
from omapush.core.errors import DecodeError

VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"))
NAMES = st.from_regex(r"[A-Za-z0-9:=_-]{1,8}", fullmatch=True)
LEAVES = st.builds(
    Node, NAMES, st.sampled_from([Format.CHR, Format.XML, Format.B64]), VALUES
) | st.builds(Node, NAMES, st.just(Format.INT), st.integers(-99, 99).map(str))
EXTENSIONS = st.lists(
    LEAVES
    | st.builds(
        lambda name, below: interior(name, *named_apart(below)), NAMES, st.lists(LEAVES, max_size=2)
    ),
    max_size=3,
)
TYPES = st.sampled_from(["text/plain", "text/*", "*/*", "application/vnd.wap.mms-message"])
IDS = st.sampled_from(["4", "x-wap-application:mms.ua", "x-wap-application:*", "vnd.acme:x"])
APPLICATIONS = st.lists(
    st.builds(TrustedApplication, IDS, st.lists(TYPES, max_size=2).map(tuple), NAMES | st.just("")),
    max_size=2,
).map(tuple)
ADDRESSES = st.sampled_from(
    [
        ("192.0.2.1", None),
        ("192.0.2.0/24", "IPV4"),
        ("2001:db8::1", "IPV6"),
        ("ppg.example.com", "FQDN"),
        ("https://ppg.example.com/x?y=1", "URI"),
        ("Operator & Söhne", "ALPHA"),
        ("internet", "APN"),
        ("cbs:262-01:50", None),
        ("+358 40 1", "E164"),
    ]
)
PPGS = st.builds(
    lambda address, applications, extensions, name: TrustedSource(
        TrustedKind.PPG, address[0], address[1], applications, named_apart(extensions), name
    ),
    ADDRESSES,
    APPLICATIONS,
    EXTENSIONS,
    NAMES | st.just(""),
)
SMSCS = st.builds(
    lambda applications: TrustedSource(TrustedKind.SMSC, "+358501", None, applications),
    APPLICATIONS,
)
WHITELISTS = st.none() | st.builds(
    lambda ppgs, smscs: (*ppgs, *smscs), st.lists(PPGS, max_size=3), st.lists(SMSCS, max_size=2)
)
TEXTS = st.none() | VALUES.filter(bool)
PROFILES = st.builds(
    DefaultProfile,
    protocol=st.none() | st.just("OTA-HTTP"),
    port=st.none() | st.integers(1, 65_535),
    contact_point=TEXTS.filter(lambda text: text is None or len(text) < 500),
    secure=st.none() | st.booleans(),
    mbms_user_service_description=TEXTS,
    registration_uri=st.none() | st.just("https://ppg.example.com/register"),
    priority=st.none() | st.integers(0, 65_535),
    enable=st.none() | st.booleans(),
    applications=st.lists(IDS, max_size=2).map(tuple),
    extensions=EXTENSIONS.map(named_apart),
    name=NAMES,
)
OBJECTS = st.builds(
    PushMO, WHITELISTS, st.lists(PROFILES, max_size=2).map(tuple), EXTENSIONS.map(root_extensions)
)


@given(OBJECTS)
@settings(max_examples=100, deadline=None)
def test_export_is_imported_as_the_same_model(mo: PushMO) -> None:
    """MO-T9"""
    root = node_of(mo)
    assert model_of(root) == Reading(mo)
    assert model_of(root, document=False) == Reading(mo)
    assert documents.read(tnds.write(root), tnds.MEDIA_TYPE) == Reading(mo)
    assert documents.read(json_form.write(mo), json_form.MEDIA_TYPE) == Reading(mo)


@given(PROFILES, VALUES.filter(bool))
@settings(max_examples=30, deadline=None)
def test_no_form_shows_a_secret(profile: DefaultProfile, secret: str) -> None:
    secret = f"\u2603{secret[:200]}"  # no other value has that character
    mo = PushMO(profiles=(dataclasses.replace(profile, auth_secret=secret),))
    root = node_of(mo)
    assert model_of(root) == Reading(mo)
    shown = [tnds.write(readable(root)), json_form.write(mo), repr((mo, root)).encode()]
    told = "\u2603".encode()
    if told not in json_form.write(PushMO(profiles=(profile,))):
        assert [one for one in shown if told in one] == []


def check(octets: bytes, media_type: str) -> None:
    """Read a document; what is taken is as sound as what we write."""
    try:
        reading = documents.read(octets, media_type)
    except DecodeError:
        return
    for finding in reading.findings:
        assert finding.reason
    for source in reading.mo.whitelist or ():
        source.source()
    again = documents.read(json_form.write(reading.mo), json_form.MEDIA_TYPE)
    assert again.findings == ()
    without = tuple(dataclasses.replace(one, auth_secret=None) for one in reading.mo.profiles)
    assert again.mo == dataclasses.replace(reading.mo, profiles=without)


FORMS = st.sampled_from([*documents.WHOLE_OBJECT, *documents.ADDITIONS, "text/plain"])


@given(st.binary(max_size=200), FORMS)
@settings(max_examples=100, deadline=None)
def test_any_octets_are_a_report_or_refused(octets: bytes, media_type: str) -> None:
    check(octets, media_type)


@given(OBJECTS, st.data())
@settings(max_examples=100, deadline=None)
def test_document_with_any_mistake_is_a_report_or_refused(mo: PushMO, data: st.DataObject) -> None:
    is_json = data.draw(st.booleans())
    octets = json_form.write(mo) if is_json else tnds.write(node_of(mo))
    start = data.draw(st.integers(0, len(octets)))
    end = start + data.draw(st.integers(0, 12))
    octets = octets[:start] + data.draw(st.binary(max_size=6)) + octets[end:]
    check(octets, json_form.MEDIA_TYPE if is_json else tnds.MEDIA_TYPE)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | IDS | TYPES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["addr", "type", "apps", "id", "content_types", "ext", "name", "nodes"])
            | st.sampled_from(["port", "value", "format", "ppg", "smsc", "contact_point", "enable"])
            | st.text(max_size=6),
            inner,
            max_size=4,
        )
    ),
    max_leaves=16,
)


@given(st.dictionaries(st.sampled_from(["whitelist", "profiles", "ext", "other"]), JSON))
@settings(max_examples=200, deadline=None)
def test_any_json_is_a_report(members: dict[str, object]) -> None:
    octets = json.dumps({"push_mo": "1.1", **members}).encode()
    check(octets, json_form.MEDIA_TYPE)


@given(st.text(max_size=40), st.none() | st.sampled_from(["URI", "FQDN", "E164", "CBS", "APN"]))
@settings(max_examples=200, deadline=None)
def test_any_address_is_compared_or_rejected(addr: str, kind: str | None) -> None:
    try:
        _, party = read_party(addr, kind, "")
    except RegistrationRejected:
        return
    assert read_party(addr, kind, "")[1] == party


URIS = st.builds(
    lambda *steps: "/".join(("./Push/Ext", *steps)),
    st.sampled_from(["a", "b"]),
) | st.builds(
    lambda *steps: "/".join(("./Push/Ext", *steps)),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["c", "d"]),
)


class TreeAgainstDictionary(RuleBasedStateMachine):
    """A tree below Ext against a dictionary of what was put there."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = ManagementTree(limits=TreeLimits(nodes=6))
        self.expected: dict[str, str | None] = {}

    def children(self, uri: str) -> list[str]:
        depth = uri.count("/") + 1
        return [
            one for one in self.expected if one.startswith(f"{uri}/") and one.count("/") == depth
        ]

    @rule(uri=URIS, value=st.none() | VALUES)
    def add(self, uri: str, value: str | None) -> None:
        above = uri.rpartition("/")[0]
        missing = [one for one in ("./Push/Ext", above, uri) if one not in self.expected]
        missing = list(dict.fromkeys(missing))
        status = self.tree.add(uri, value).status
        if uri in self.expected:
            assert status == 418
        elif self.expected.get(above) is not None:
            assert status == 405
        elif 1 + len(self.expected) + len(missing) > 6:
            assert status == 420
        else:
            assert status == 200
            self.expected.update(dict.fromkeys(missing))
            self.expected[uri] = value

    @rule(uri=URIS, value=VALUES)
    def replace(self, uri: str, value: str) -> None:
        status = self.tree.replace(uri, value).status
        if uri not in self.expected:
            assert status == 404
        elif self.expected[uri] is None:
            assert status == 405
        else:
            assert status == 200
            self.expected[uri] = value

    @rule(uri=URIS)
    def delete(self, uri: str) -> None:
        status = self.tree.delete(uri).status
        assert status == (200 if uri in self.expected else 404)
        gone = [one for one in self.expected if one == uri or one.startswith(f"{uri}/")]
        for one in gone:
            del self.expected[one]

    @rule(uri=URIS)
    def get(self, uri: str) -> None:
        result = self.tree.get(uri)
        if uri not in self.expected:
            assert result.status == 404
            return
        value = self.expected[uri]
        names = "/".join(one.rpartition("/")[2] for one in self.children(uri))
        assert result.items[0].value == (names if value is None else value)

    @invariant()
    def tree_holds_what_was_put_there(self) -> None:
        listed = self.tree.get("./Push?list=StructData").items[1:]
        assert {one.uri: one.value if one.format != "node" else None for one in listed} == (
            self.expected
        )


TestTreeAgainstDictionary = TreeAgainstDictionary.TestCase
TestTreeAgainstDictionary.settings = settings(
    max_examples=40, stateful_step_count=20, deadline=None
)
