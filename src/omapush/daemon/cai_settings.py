"""What can be set about the interface to applications.

The service access point, who may register what, and how applications are called.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from omapush.cai.model import Registration
from omapush.client.handlers.activation import (
    Activation,
    ActivationSettings,
    BusHandlerMaker,
)
from omapush.client.handlers.launch import LaunchSettings
from omapush.client.owner import OwnerKind
from omapush.client.policy import RegistrationPolicy, TrustedApplications
from omapush.client.registration_rules import Rule, RulesPolicy, Users, strict_rules
from omapush.daemon.settings_table import Table as _Table

Scheme = Literal["exec", "unix", "http", "dbus", "python"]


class RuleTable(_Table):
    """[[cai.rules]]"""

    name: str = Field(
        pattern=r"^[ -~]{1,64}$", description="what the rule is called in refusals and logs"
    )
    allow: bool = Field(default=True, description="false: what the rule is about is denied")
    users: list[str | int] = Field(
        [], description="users it is about, by name or number; with groups, one of both is enough"
    )
    groups: list[str] = Field(
        [], description="groups it is about; neither users nor groups: everybody"
    )
    owners: list[OwnerKind] = Field(
        [], description="ways to register that it is about; default: every one"
    )
    push_application_ids: list[str] = Field(
        ["*"],
        description="patterns of ids that it is about; {user} stands for the name of the user who "
        "registers; the id for every application is meant by * alone and by every denial",
    )
    registered_ids: bool = Field(
        default=False, description="it is about the ids of OMNA's registry as well"
    )
    event_handlers: list[Literal["none"] | Scheme] = Field(
        ["none", "exec", "unix", "http", "dbus", "python"],
        description="kinds of event handlers that it allows; none: the application asks",
    )
    registration_hosts: list[str] = Field(
        ["*"], description="patterns of hosts that it allows in registration URIs"
    )
    protocols: list[str] = Field(
        ["*"],
        description="patterns of protocols that it allows in profiles; what a profile leaves open "
        "is allowed",
    )
    bearers: list[str] = Field(["*"], description="patterns of bearer types, likewise")
    delegated_storage: bool = Field(
        default=True, description="whether the client may store pushes for the application"
    )
    max_registrations: int | None = Field(
        None, ge=0, description="registrations of one user at a time; default: no limit of its own"
    )

    def rule(self) -> Rule:
        """Return the rule."""
        return Rule(
            self.name,
            self.allow,
            users=frozenset(map(str, self.users)),
            groups=frozenset(self.groups),
            owners=frozenset(self.owners),
            push_application_ids=tuple(self.push_application_ids),
            registered_ids=self.registered_ids,
            event_handlers=tuple(self.event_handlers),
            registration_hosts=tuple(self.registration_hosts),
            protocols=tuple(self.protocols),
            bearers=tuple(self.bearers),
            delegated_storage=self.delegated_storage,
            max_registrations=self.max_registrations,
        )


class HandlersTable(_Table):
    """[cai.handlers]"""

    schemes: list[Scheme] = Field(
        ["unix", "http", "dbus"],
        description="kinds of event handlers that registrations may name; exec and python run with "
        "the client's rights, and are for root and the client's own user only",
    )
    directory: Path = Field(Path("/"), description="where programs are started")
    path: str = Field("/usr/local/bin:/usr/bin:/bin", description="PATH of programs")
    processes: int = Field(8, ge=1, le=1_000, description="programs that run at a time")
    answer_seconds: float = Field(
        60, gt=0, le=120, description="patience for the answer of an application's HTTP server"
    )

    def activation(self, on_bus: BusHandlerMaker | None = None) -> Activation:
        """Return what makes event handlers of registrations.

        :param on_bus: makes those that are called by D-Bus, where there is a bus.
        """
        launch = LaunchSettings(self.directory, self.path, self.processes)
        settings = ActivationSettings(frozenset(self.schemes), launch, self.answer_seconds)
        return Activation(settings, os.getuid(), on_bus)


class CaiTable(_Table):
    """[cai]"""

    socket: Path | None = Field(
        None, description="Unix socket of the service access point; default: none is opened"
    )
    trust_application_id: bool = Field(
        default=False,
        description="a process of the same user that names the same Application ID is the same "
        "application, even without its token",
    )
    acceptance_seconds: float = Field(
        20, gt=0, le=120, description="how long an application may take to accept a push"
    )
    registration_seconds: float = Field(
        60, gt=0, le=3_600, description="how long a registration may be pending"
    )
    max_registrations: int = Field(256, ge=1, le=65_536, description="of all applications")
    max_registrations_per_user: int = Field(32, ge=1, le=65_536, description="of one user")
    policy: Literal["trusted", "strict", "rules"] = Field(
        "trusted",
        description="trusted: every local application may register anything; strict: users must be "
        "in a group and register known ids, or ids with their name; rules: as the rules say",
    )
    group: str = Field(
        "omapush", min_length=1, description="the group whose users may register, by policy strict"
    )
    rules: list[RuleTable] = Field(
        [], description="who may register what; the first that fits decides, and none denies"
    )
    handlers: HandlersTable = Field(
        HandlersTable(), description="how applications are called with their pushes"
    )
    static_registrations: Path | None = Field(
        None,
        description="directory of *.toml files, each a registration; read again at SIGHUP",
    )

    @model_validator(mode="after")
    def _rules_if_they_count(self) -> Self:
        if bool(self.rules) != (self.policy == "rules"):
            raise ValueError('rules and policy = "rules" go together')
        names = [rule.name for rule in self.rules]
        if len(set(names)) != len(names):
            raise ValueError("two rules have one name")
        return self

    def registration_policy(
        self, users: Users, registrations: Callable[[], Iterable[Registration]]
    ) -> RegistrationPolicy:
        """Return what judges registrations (CAI-61, CAI-62).

        :param registrations: returns those that live.
        """
        match self.policy:
            case "trusted":
                return TrustedApplications()
            case "strict":
                return RulesPolicy(strict_rules(self.group), users, registrations)
            case "rules":
                rules = (table.rule() for table in self.rules)
                return RulesPolicy(rules, users, registrations)
