"""``omapush client register``, ``deregister`` and ``apps``: what they print and what they keep."""

from __future__ import annotations

import json
import stat
from typing import Any

import pytest

from omapush.cai.model import Delivery
from omapush.cli.client_apps import name_of, owner_of, show_applications

WML = "x-wap-application:wml.ua"
MMS = "x-wap-application:mms.ua"


def told(result: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def registrations(running: Any) -> list[Any]:
    async def live() -> list[Any]:
        return running.agent.live_registrations()

    return running.do(live())


def test_both_answers_are_printed_and_the_token_is_kept_privately(running: Any) -> None:
    registered = running.omapush("register", "2")
    assert (registered.exit_code, registered.stderr) == (0, "")
    first, *_, second, binding, kept = registered.stdout.splitlines()
    assert (first, second) == (f"{WML}: pending", f"{WML}: registered")
    assert binding == "  OTA-HTTP TCP/IP 127.0.0.1:4035 up"
    assert kept == f"its token is kept in {running.tokens}"
    assert stat.S_IMODE(running.tokens.stat().st_mode) == 0o600
    [token] = [one["token"] for one in json.loads(running.tokens.read_text())["tokens"]]
    assert token not in registered.stdout


def test_everything_that_is_wished_reaches_the_client(running: Any) -> None:
    result = running.omapush(
        "register", MMS, "--application-id", "app:mms", "--accept", "text/plain",
        "--accept", "application/vnd.wap.mms-message", "--whitelist", "192.0.2.1",
        "--profile", "protocol=OTA-HTTP,bearer_type=TCP/IP", "--delegated-storage",
        "--delivery", "at-most-once", "--ack-timeout", "7", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert [one["state"] for one in told(result)] == ["pending", "registered"]
    [registration] = registrations(running)
    request = registration.request
    assert request.application_id == "app:mms"
    assert request.accept == ("text/plain", "application/vnd.wap.mms-message")
    assert [one.addr for one in request.whitelist] == ["192.0.2.1"]
    assert request.profiles[0].bearer_type == "TCP/IP"
    assert (request.delegated_storage, request.ack_timeout_ms) == (True, 7_000)
    assert request.delivery is Delivery.AT_MOST_ONCE


def test_registering_again_changes_the_registration(running: Any) -> None:
    running.omapush("register", WML)
    again = running.omapush("register", WML, "--accept", "text/plain")
    assert again.exit_code == 0
    [registration] = registrations(running)
    assert registration.request.accept == ("text/plain",)


def test_deregistered_application_and_its_token_are_gone(running: Any) -> None:
    running.omapush("register", WML)
    running.omapush("register", MMS)
    ended = running.omapush("deregister", "2")
    assert (ended.exit_code, ended.stdout) == (0, f"{WML}: deregistered\n")
    assert [one.push_application_id for one in registrations(running)] == [MMS]
    again = running.omapush("deregister", WML)
    assert again.exit_code == 1
    assert "only who registered it" in again.stderr
    assert WML not in running.tokens.read_text()
    forced = running.omapush("deregister", MMS, "--force", "--json")
    assert [one["state"] for one in told(forced)] == ["deregistered"]


def test_application_whose_token_is_elsewhere_is_anothers(running: Any) -> None:
    running.omapush("register", WML)
    other = running.omapush("register", WML, "--token-file", running.folder / "other.json")
    assert other.exit_code == 1
    assert "already_registered" in other.stderr
    assert f"its token is not in {running.folder}/other.json" in other.stderr


def test_token_that_the_client_does_not_know_is_replaced(running: Any) -> None:
    running.omapush("register", MMS)
    kept = json.loads(running.tokens.read_text())
    kept["tokens"][0] |= {"token": "of another life", "push_application_id": WML}
    running.tokens.write_text(json.dumps(kept))
    assert running.omapush("register", WML).exit_code == 0
    assert "another life" not in running.tokens.read_text()


def test_token_file_that_others_may_read_is_not_used(running: Any) -> None:
    running.omapush("register", WML)
    running.tokens.chmod(0o644)
    refused = running.omapush("deregister", WML)
    assert refused.exit_code == 1
    assert "chmod 600" in refused.stderr


@pytest.mark.parametrize("text", ["{}", "[", '{"tokens": [1]}', '{"tokens": [{"socket": "a"}]}'])
def test_token_file_of_another_kind_is_told(running: Any, text: str) -> None:
    path = running.folder / "tokens.json"
    path.touch(0o600)
    path.write_text(text)
    told = running.omapush("register", WML, "--token-file", path)
    assert (told.exit_code, registrations(running)) == (1, [])
    assert "holds no tokens" in told.stderr
    assert path.read_text() == text


def test_registration_whose_token_has_no_place_is_ended(running: Any) -> None:
    result = running.omapush("register", WML, "--token-file", running.config / "tokens.json")
    assert result.exit_code == 1
    assert registrations(running) == []


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [
        (("no id",), 2, "not an application id"),
        ((WML, "--profile", "colour=red"), 2, "'colour' is none of protocol"),
        ((WML, "--profile", "port=1,port=2"), 2, "is there twice"),
        ((WML, "--profile", "port"), 2, "is not name=value"),
        ((WML, "--profile", "port=abc"), 1, "profiles[0].port"),
        ((WML, "--profile", "protocol=OTA-SIP"), 1, "unsupported_option"),
        ((WML, "--event-handler", "nonsense"), 1, "unsupported_option"),
        ((WML, "--whitelist", "!!"), 1, "whitelist[0].addr"),
        ((WML, "--ack-timeout", "-1"), 1, "ack_timeout"),
        ((WML, "--delivery", "twice"), 2, "at-least-once"),
        ((), 2, "Missing argument"),
    ],
)
def test_what_is_asked_wrongly_is_told_and_registers_nothing(
    running: Any, arguments: tuple[str, ...], status: int, reason: str
) -> None:
    result = running.omapush("register", *arguments)
    assert result.exit_code == status
    assert reason in result.stderr
    assert "Traceback" not in result.stderr
    assert registrations(running) == []


def test_registrations_of_everybody_are_listed(running: Any) -> None:
    assert running.omapush("apps").stdout == "no application is registered\n"
    running.omapush("register", WML, "--accept", "text/plain")
    listed = running.omapush("apps")
    assert listed.exit_code == 0
    heading, row = listed.stdout.splitlines()[:2]
    assert heading.split()[:5] == ["application", "owner", "state", "bindings", "accepts"]
    assert row.split()[0] == WML
    assert "registered" in row
    assert "text/plain" in row
    [members] = told(running.omapush("apps", "--json"))
    assert (members["push_application_id"], members["waiting"]) == (WML, 0)


def test_what_servers_say_of_a_registration_commands_no_terminal(
    running: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    running.omapush("register", WML)
    [one] = told(running.omapush("apps", "--json"))
    show_applications([{**one, "state": "failed", "reason": "refused", "detail": "\x9b2J[bold]"}])
    shown = capsys.readouterr().out
    assert "\x9b" not in shown
    assert "[bold]" in "".join(shown.split())


@pytest.mark.parametrize(
    ("owner", "shown"),
    [
        ("in-process", "the client's own process"),
        ("uid:0/0123", "root"),
        ("uid:4294967294/0123", "user 4294967294"),
        ("uid:0/dbus::1.7", "root, D-Bus :1.7"),
        ("file:0/etc/omapush/mms.toml", "root, file /etc/omapush/mms.toml"),
        ("somebody", "somebody"),
    ],
)
def test_owner_is_shown_as_people_say_it(owner: str, shown: str) -> None:
    assert owner_of(owner) == shown


def test_instance_is_shown_with_its_application(running: Any) -> None:
    running.omapush("register", WML)
    [one] = told(running.omapush("apps", "--json"))
    assert name_of(one) == WML
    assert name_of({**one, "instance": "a"}) == f"{WML} (a)"


def test_client_that_does_not_run_is_told_in_one_line(away: Any, tmp_path: Any) -> None:
    for verb in (("apps",), ("register", WML), ("listen", WML), ("whitelist",), ("mo", "list"),
                 ("quarantine",)):  # fmt: skip
        result = away(*verb)
        assert result.exit_code == 1, verb
        assert result.stderr == (
            f"omapush: no client answers at {tmp_path}/cai.sock: there is no such socket\n"
        )
    told_as_json = away("apps", "--json")
    assert (told_as_json.exit_code, list(json.loads(told_as_json.stdout))) == (1, ["error"])


def test_socket_that_nobody_listens_on_is_told(away: Any, tmp_path: Any) -> None:
    file = tmp_path / "file"
    file.touch()
    assert "that is no socket" in away("apps", "--socket", file).stderr


def test_settings_without_socket_are_told(away: Any, tmp_path: Any) -> None:
    (tmp_path / "client.toml").write_text("")
    result = away("apps")
    assert result.exit_code == 2
    assert "--socket" in result.stderr
