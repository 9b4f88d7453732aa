"""Judges a provisioning document by the tables of ``schema``, for senders mostly.

A client passes over what it does not know (WAP-183), so an unknown name is a warning; what the
specification asks for and is missing is an error.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from omapush.content.provisioning import schema
from omapush.content.provisioning.model import (
    Characteristic,
    Parm,
    ProvisioningDocument,
    ProvisioningError,
)


class Severity(enum.Enum):
    """How bad a finding is."""

    ERROR = "error"
    """Against the specification."""
    WARNING = "warning"
    """Legal, and a client may pass over it or keep only a part."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark.

    :ivar path: the characteristics down to the parm, ``/PXLOGICAL[1]/PORT[2]/PORTNBR``.
    :ivar reason: what is wrong; quotes no secret.
    """

    severity: Severity
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.severity.value}: {self.path}: {self.reason}"


def findings(document: ProvisioningDocument) -> list[Finding]:
    """Return everything there is to say about ``document``, in its order."""
    found = list(_occurrences("/", document.characteristics, schema.ROOT_RULE.characteristics))
    if not document.usable:
        found.insert(0, _error("/", f"version {document.version!r} is not known"))
    for path, characteristic in _located("", document.characteristics):
        found.extend(_of_characteristic(path, characteristic))
        found.extend(_references(path, characteristic, document))
    return found


def require_valid(document: ProvisioningDocument) -> None:
    """Do nothing if no finding is an error.

    :raises ProvisioningError: the first error.
    """
    for finding in findings(document):
        if finding.severity is Severity.ERROR:
            raise ProvisioningError(finding.reason, finding.path)


def _error(path: str, reason: str) -> Finding:
    return Finding(Severity.ERROR, path, reason)


def _warning(path: str, reason: str) -> Finding:
    return Finding(Severity.WARNING, path, reason)


def _located(
    path: str, characteristics: tuple[Characteristic, ...]
) -> Iterator[tuple[str, Characteristic]]:
    """Yield every characteristic with its path, ``/PXLOGICAL[1]/PORT[2]``."""
    seen: Counter[str] = Counter()
    for characteristic in characteristics:
        seen[characteristic.type] += 1
        here = f"{path}/{characteristic.type[:40]}[{seen[characteristic.type]}]"
        yield here, characteristic
        yield from _located(here, characteristic.characteristics)


def _of_characteristic(path: str, characteristic: Characteristic) -> Iterator[Finding]:
    rule = schema.RULES.get(characteristic.type)
    if rule is None:
        return  # already told where it stands
    yield from _occurrences(path, characteristic.characteristics, rule.characteristics)
    counts = Counter(parm.name for parm in characteristic.parms)
    for name, occurrence in rule.parms.items():
        yield from _counted(f"{path}/{name}", counts[name], occurrence)
    if characteristic.type == "PXLOGICAL" and counts["DOMAIN"] > schema.MAX_DOMAINS:
        yield _error(f"{path}/DOMAIN", f"more than {schema.MAX_DOMAINS} times")
    for parm in characteristic.parms:
        if parm.name not in rule.parms and not rule.open:
            yield _warning(f"{path}/{parm.name[:40]}", f"is not known in {characteristic.type}")
        is_flag = (characteristic.type, parm.name) in schema.FLAGS
        yield from _of_value(f"{path}/{parm.name[:40]}", parm, is_flag=is_flag)


def _occurrences(
    path: str,
    characteristics: tuple[Characteristic, ...],
    allowed: Mapping[str, schema.Occurrence],
) -> Iterator[Finding]:
    counts = Counter(characteristic.type for characteristic in characteristics)
    base = path.rstrip("/")
    for type_, occurrence in allowed.items():
        yield from _counted(f"{base}/{type_}", counts[type_], occurrence)
    for type_ in counts.keys() - allowed.keys():
        known = "does not stand here" if type_ in schema.RULES else "is not known"
        report = _error if type_ in schema.RULES else _warning
        yield report(f"{base}/{type_[:40]}", known)


def _counted(path: str, count: int, occurrence: schema.Occurrence) -> Iterator[Finding]:
    if count < occurrence.fewest:
        yield _error(path, "is missing")
    elif occurrence.most is not None and count > occurrence.most:
        yield _error(path, f"stands {count} times, {occurrence.most} allowed")


def _of_value(path: str, parm: Parm, *, is_flag: bool) -> Iterator[Finding]:
    value = parm.value
    if not value:
        if not is_flag and parm.name in schema.MIN_LENGTHS:
            yield _warning(path, "has no value")
        return
    known = schema.VALUES.get(parm.name)
    if known is not None and value not in known:
        yield _warning(path, f"{value[:40]!r} is not one of the known values")
    allowed = schema.NUMBERS.get(parm.name)
    if allowed is not None and not _is_number(value, allowed):
        bounds = f"{allowed[0]} to {allowed[-1]}"
        yield _error(path, f"{value[:40]!r} is not a number from {bounds}")
    kept = schema.MIN_LENGTHS.get(parm.name)
    length = len(value.encode("utf-8", "replace"))
    if kept is not None and length > kept:
        yield _warning(path, f"{length} octets, a client need not keep more than {kept}")


def _is_number(value: str, allowed: range) -> bool:
    return value.isascii() and value.isdecimal() and len(value) <= 12 and int(value) in allowed


def _references(
    path: str, characteristic: Characteristic, document: ProvisioningDocument
) -> Iterator[Finding]:
    for parm in characteristic.parms:
        if parm.name not in schema.REFERENCES or not parm.value:
            continue
        type_, name = schema.REFERENCES[parm.name]
        if parm.value == schema.ANY_INTERNET and parm.name == "TO-NAPID":
            continue
        targets = {root.value(name) for root in document.of_type(type_)}
        if parm.value not in targets:
            reason = f"no {type_} here is called {parm.value[:40]!r}; the client must know it"
            yield _warning(f"{path}/{parm.name}", reason)
