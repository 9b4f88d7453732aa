"""``omapush push RECIPE``: what is submitted, what is said of wrong arguments, and secrets."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner, Result

from omapush.cli import application, arguments
from omapush.cli.preview_options import Air, Output
from omapush.cli.recipes import options_of
from omapush.content.indication import ServiceIndication, SignalAction
from omapush.content.recipes import RECIPES
from omapush.initiator.client import PushInitiator
from omapush.pap import model, xml
from omapush.pap.entity import Entity, split

PIN = "31415926"
DOCUMENT = (
    '<wap-provisioningdoc version="1.1"><characteristic type="BOOTSTRAP">'
    '<parm name="NAME" value="Test"/></characteristic></wap-provisioningdoc>'
)
COMPLETE: dict[str, tuple[str, ...]] = {
    "mms-notification": ("--content-location", "http://m.example/1", "--message-size", "30000"),
    "si": ("--text", "Hello"),
    "sl": ("--href", "http://a.example/"),
    "co": ("--object", "http://a.example/1", "--object", "http://a.example/2"),
    "cp": ("--document", "DOCUMENT"),
    "email-notification": ("--mailbox", "anna@example.com"),
    "wake-up": (),
    "session-initiation": ("--server", "192.0.2.1:4035"),
}


def omapush(*given: str, text: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(application, given, input=text, env=environment)


class Gateway:
    """Accepts everything."""

    def __init__(self) -> None:
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        verdict = model.PushResponse("a@pi", model.ResponseResult(1001, "Accepted"))
        return httpx2.Response(202, content=xml.encode(model.Pap(verdict)))

    @property
    def entity(self) -> Entity:
        request = self.requests[-1]
        return split(request.headers["Content-Type"], request.content)


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    gateway = Gateway()

    def initiator(ppg: str, **more: Any) -> PushInitiator:
        return PushInitiator(ppg, transport=httpx2.MockTransport(gateway), **more)

    monkeypatch.setattr(arguments, "PushInitiator", initiator)
    return gateway


@pytest.fixture
def document(tmp_path: Path) -> str:
    path = tmp_path / "cp.xml"
    path.write_text(DOCUMENT)
    return str(path)


def test_every_recipe_is_tried_here() -> None:
    assert COMPLETE.keys() == RECIPES.keys()


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_submits_the_message_of_its_table(
    gateway: Gateway, document: str, name: str
) -> None:
    given = [document if word == "DOCUMENT" else word for word in COMPLETE[name]]
    shown = omapush("push", name, *given, "--to", "+44", "--to", "192.0.2.7", "--push-id", "a@pi")
    assert (shown.exit_code, shown.output) == (0, "a@pi: accepted, 1001 Accepted\n")
    words: dict[str, list[str | bytes]] = {}
    for option, value in zip(given[::2], given[1::2], strict=True):
        kept: str | bytes = DOCUMENT.encode() if value == document else value
        words.setdefault(option.removeprefix("--"), []).append(kept)
    assert gateway.entity.content == RECIPES[name].message(words)
    control = xml.decode(gateway.entity.control).message
    assert isinstance(control, model.PushMessage)
    assert [each.address_value.partition("@")[0] for each in control.addresses] == [
        "WAPPUSH=+44/TYPE=PLMN",
        "WAPPUSH=192.0.2.7/TYPE=IPv4",
    ]


@pytest.mark.parametrize("name", RECIPES)
@pytest.mark.parametrize("verb", ["push", "preview"])
def test_help_of_a_recipe_tells_all_its_parameters(verb: str, name: str) -> None:
    shown = omapush(verb, name, "--help")
    assert shown.exit_code == 0
    told = "".join(shown.output.split())  # lines end after hyphens too
    assert "".join(RECIPES[name].summary.split()) in told
    for parameter in RECIPES[name].parameters:
        assert f"--{parameter.name}" in told
        assert "".join(parameter.help.split()) in told
        for choice in parameter.choices:
            assert choice in told


@pytest.mark.parametrize("verb", ["push", "preview"])
def test_help_of_the_verb_lists_the_recipes(verb: str) -> None:
    shown = " ".join(omapush(verb, "--help").output.split())
    for recipe in RECIPES.values():
        assert f"{recipe.name} {recipe.summary}" in shown


@pytest.mark.parametrize("name", RECIPES)
def test_options_of_a_recipe_are_not_those_of_a_verb(name: str) -> None:
    others = {"to", "ppg", "as_json"}
    for group in (arguments.Submission, arguments.Access, Air, Output):
        others |= {field.name for field in dataclasses.fields(group)}
    words = {parameter.name.replace("-", "_") for parameter in RECIPES[name].parameters}
    assert not words & others
    assert len(dataclasses.fields(options_of(RECIPES[name]))) == len(words)


def test_recipe_takes_the_wishes_of_push(gateway: Gateway) -> None:
    shown = omapush(
        "push", "si", "--text", "Storm", "--si-id", "storm@w", "--action", "signal-high",
        "--created", "2026-11-21T12:00:00Z", "--to", "+44", "--priority", "high", "--confirmed",
        "--header", "Cache-Control: no-transform", "--push-id", "b@pi", "--json",
    )  # fmt: skip
    assert shown.exit_code == 0
    assert json.loads(shown.output)["push_id"] == "b@pi"
    content = gateway.entity.content
    assert content is not None
    assert content.get("Cache-Control") == "no-transform"
    indication = ServiceIndication.from_xml(content.body)
    assert (indication.text, indication.si_id) == ("Storm", "storm@w")
    assert indication.action is SignalAction.SIGNAL_HIGH
    control = xml.decode(gateway.entity.control).message
    assert isinstance(control, model.PushMessage)
    assert control.quality_of_service == model.QualityOfService(
        model.Priority.HIGH, model.DeliveryMethod.CONFIRMED
    )


def test_flag_asks_for_the_binary_form(gateway: Gateway) -> None:
    assert omapush("push", "si", "--text", "a", "--binary", "--to", "+44").exit_code == 0
    assert gateway.entity.content is not None
    assert gateway.entity.content.content_type == "application/vnd.wap.sic"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("mms-notification", "--message-size", "1"), "--content-location is missing"),
        (
            ("mms-notification", "--content-location", "http://a", "--message-size", "big"),
            "--message-size is not a number",
        ),
        (("sl", "--href", "http://a", "--action", "run"), "--action is none of execute-low,"),
        (("si", "--text", "a", "--created", "today"), "--created: not a UTC time"),
        (("cp", "--document", "/nonexistent.xml"), "/nonexistent.xml: No such file"),
        (("cp", "--document", __file__), "--document: not well-formed XML"),
        (("session-initiation",), "no server to connect to"),
        (("wake-up", "--application", "two words"), "application"),
    ],
)
@pytest.mark.parametrize("verb", ["push", "preview"])
def test_wrong_argument_is_one_sentence_that_names_it_and_2(
    gateway: Gateway, verb: str, given: tuple[str, ...], said: str
) -> None:
    shown = omapush(verb, *given, "--to", "+44")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert said in shown.stderr
    assert shown.stderr.count("\n") == 1
    assert gateway.requests == []


def test_wrong_argument_is_an_object_where_json_is_wanted() -> None:
    shown = omapush("push", "sl", "--to", "+44", "--json")
    assert shown.exit_code == 2
    assert json.loads(shown.output) == {"error": "--href is missing"}


def test_recipe_without_recipient_is_2() -> None:
    shown = omapush("push", "si", "--text", "a")
    assert (shown.exit_code, shown.stderr) == (2, "omapush: --to is missing: say who gets it\n")


@pytest.mark.parametrize("verb", ["push", "preview"])
def test_recipe_after_other_words_is_refused_with_advice(gateway: Gateway, verb: str) -> None:
    shown = omapush(verb, "--text", "a", "si")
    assert shown.exit_code == 2
    assert f"omapush {verb} si --to" in shown.stderr
    assert gateway.requests == []


@pytest.mark.parametrize("way", ["file", "standard input", "environment"])
def test_secret_comes_from_where_others_do_not_see_it(
    gateway: Gateway, document: str, tmp_path: Path, way: str
) -> None:
    given = ["push", "cp", "--document", document, "--security", "userpin", "--to", "+44"]
    kept = tmp_path / "pin"
    kept.write_text(PIN + "\n")
    match way:
        case "file":
            shown = omapush(*given, "--pin-file", str(kept))
        case "standard input":
            shown = omapush(*given, "--pin-file", "-", text=PIN + "\n")
        case _:
            shown = omapush(*given, OMAPUSH_PIN=PIN)
    assert shown.exit_code == 0
    assert PIN not in shown.output
    words: dict[str, list[str | bytes]] = {
        "document": [DOCUMENT.encode()],
        "security": ["userpin"],
        "pin": [PIN],
    }
    assert gateway.entity.content == RECIPES["cp"].message(words)
    assert "mac=" in (RECIPES["cp"].message(words).content_type or "").lower()


def test_secret_is_asked_for_at_a_terminal_without_echo(
    gateway: Gateway, document: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def person(prompt: str) -> str:
        asked.append(prompt)
        return PIN

    monkeypatch.setattr("omapush.cli.recipes._is_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", person)
    given = ("push", "cp", "--document", document, "--security", "userpin", "--to", "+44")
    assert omapush(*given, "--pin-file", "-").exit_code == 0
    assert asked == ["pin: "]


def test_secret_is_no_option() -> None:
    shown = omapush("push", "cp", "--pin", PIN, "--to", "+44")
    assert shown.exit_code == 2
    assert PIN not in shown.output


def test_secret_that_is_no_text_is_2(document: str, tmp_path: Path) -> None:
    kept = tmp_path / "pin"
    kept.write_bytes(b"\xff\xfe")
    given = ("push", "cp", "--document", document, "--security", "userpin", "--to", "+44")
    shown = omapush(*given, "--pin-file", str(kept))
    assert (shown.exit_code, shown.stderr) == (2, f"omapush: {kept}: not text\n")


def test_missing_secret_is_2_and_names_what_is_missing(document: str) -> None:
    given = ("push", "cp", "--document", document, "--security", "userpin", "--to", "+44")
    shown = omapush(*given)
    assert shown.exit_code == 2
    assert "PIN" in shown.stderr or "pin" in shown.stderr
