"""What a session must know about terminals while it talks."""

from __future__ import annotations

from omapush.ota.http.authentication import Login
from omapush.ppg.terminal.accounts import Accounts, Secrets

CPI = {"t1": (("X-Wap-Push-Accept", "*/*"),)}


def test_passwords_are_those_of_the_terminal() -> None:
    accounts = Accounts("ppg.example.com", {"44": Secrets("theirs", "ours"), "45": Secrets()})
    assert accounts.terminal_password("44") == "theirs"
    assert accounts.login_at("44") == Login("ppg.example.com", "ours")
    assert accounts.must_prove("44")
    for other in ("45", "46"):
        assert accounts.terminal_password(other) is None
        assert accounts.login_at(other) is None
        assert not accounts.must_prove(other)
    assert accounts.login_at(None) is None


def test_secrets_do_not_show_themselves() -> None:
    assert "theirs" not in repr(Secrets("theirs", "ours"))
    assert "ours" not in repr(Secrets("theirs", "ours"))


def test_terminal_is_expected_where_it_alone_was_seen() -> None:
    accounts = Accounts("ppg")
    assert accounts.terminal_at("10.0.0.1") is None
    accounts.seen("44", "10.0.0.1")
    accounts.seen("44", "10.0.0.1")
    assert accounts.terminal_at("10.0.0.1") == "44"
    accounts.seen("45", "10.0.0.1")
    assert accounts.terminal_at("10.0.0.1") is None
    accounts.seen("44", "10.0.0.1")  # several share it, and that stays so
    assert accounts.terminal_at("10.0.0.1") is None


def test_what_was_seen_least_lately_is_forgotten() -> None:
    accounts = Accounts("ppg", capacity=2)
    for terminal in ("44", "45", "44", "46"):
        accounts.learn(terminal, "t1", CPI)
        accounts.seen(terminal, f"10.0.0.{terminal}")
    known = accounts.known_cpi("44")
    assert known is not None
    assert (known.tag, known.cpi) == ("t1", CPI)
    assert accounts.known_cpi("45") is None
    assert accounts.terminal_at("10.0.0.45") is None
    assert accounts.known_cpi("46") is not None


def test_terminals_with_much_to_say_do_not_fill_the_memory() -> None:
    accounts = Accounts("ppg", most_octets=1_000)
    for number in range(10):
        accounts.learn(f"4{number}", "t1", {"t1": (("X-Wap-Push-Accept", "a" * 400),)})
        accounts.learn(f"4{number}", "t2", {"t2": (("X-Wap-Push-Accept", "b" * 400),)})
    kept = [number for number in range(10) if accounts.known_cpi(f"4{number}")]
    assert kept == [8, 9]
    accounts.learn("50", "t1", {"t1": (("X-Wap-Push-Accept", "a" * 2_000),)})
    assert accounts.known_cpi("50") is None
    accounts.learn("51", "t1", CPI)
    assert accounts.known_cpi("51") is not None
