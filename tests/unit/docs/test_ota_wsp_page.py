"""The page on OTA-WSP: its octets, commands and settings are what the code says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from omapush.bearers.smsc_account import SubmissionStyle
from omapush.bearers.smsc_pool import SmscStatus
from omapush.daemon.client_settings import ClientTable, SubscribersTable
from omapush.daemon.push_sessions import PushSessionsTable
from omapush.daemon.settings import ClientOtaWspTable, PpgSettings
from omapush.daemon.smsc_settings import SmscTable
from omapush.daemon.wsp_settings import HeaderProfileTable, OtaWspTable
from omapush.protocols.sms.segmentation import segment
from omapush.testing.smsc_simulator import arguments

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/ota-wsp.md").read_text(encoding="utf-8")
DATAGRAM = bytes.fromhex(
    "7b0603beaf848c82985431323334353637008d908919802b3335383430313233343536372f545950453d504c4d4e0096"
    "4772656574696e67732066726f6d2074686520707573682074657374207375697465008a808e0278008805810303f480"
    "83687474703a2f2f6d6d73632e6578616d706c652e636f6d2f6d6d732f30313233343536373839616263646566303132"
    "3334353637383961626364656600"
)


def shown() -> list[str]:
    """Return the octets of the page, block by block, without spaces."""
    return [
        line.replace(" ", "").removesuffix("...")
        for line in re.findall(r"^(?:7b|0c) .+$", PAGE, re.MULTILINE)
    ]


def test_octets_of_the_page_are_ours() -> None:
    datagram, first, second = shown()
    assert DATAGRAM.hex().startswith(datagram)
    parts = segment(DATAGRAM, 2948, 9200, 0x1234)
    assert len(parts) == 2
    assert parts[0].hex().startswith(first)
    assert parts[1].hex().startswith(second)
    assert len(DATAGRAM) == 158


def test_styles_of_the_page_are_all_there_are() -> None:
    assert re.findall(r"^\| `(\w+)` \| one", PAGE, re.MULTILINE) == [
        each.value for each in SubmissionStyle
    ]


def test_settings_of_the_page_exist() -> None:
    tables = (
        SmscTable, OtaWspTable, PushSessionsTable, SubscribersTable, ClientTable,
        ClientOtaWspTable, HeaderProfileTable,
    )  # fmt: skip
    known = {name for table in tables for name in table.model_fields}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)(?: = [^`]+)?`", PAGE))
    elsewhere = {
        "submit_sm", "data_sm", "query_sm", "short_message", "esm_class", "message_payload",
        "source_port", "destination_port", "priority_flag", "ota_wsp_sms", "smsc_bound",
        "smsc_bind_ended", "smsc_answered_late", "receipt_unreadable", "receipts_not_kept",
    }  # fmt: skip
    assert named - elsewhere <= known


def test_settings_of_the_page_are_taken() -> None:
    blocks = re.findall(r"^```toml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 3
    for block in blocks:
        settings = PpgSettings(**tomllib.loads(block))
        assert settings.model_fields_set


def test_health_of_the_page_is_ours() -> None:
    status = SmscStatus("main", 1, 1, 0, 10, 0, 0, "", 2, 2, 0)
    assert f"\n{status}\n" in PAGE


def test_command_of_the_page_is_understood() -> None:
    (command,) = re.findall(
        r"^python -m omapush\.testing\.smsc_simulator (.+)$", PAGE, re.MULTILINE
    )
    read = arguments(command.split())
    assert (read.listen, read.phones) == ("127.0.0.1:2775", "2776")
