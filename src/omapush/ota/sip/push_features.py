"""What a client registers as features of its contact, and what a push asks of a contact.

RFC 3840 says how features are declared, RFC 3841 how they are asked for; ``protocols.sip`` knows
both grammars. Here is which features push has: Push Resource Identifiers and IARIs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from omapush.content.application_id import ApplicationId
from omapush.core.errors import DecodeError
from omapush.ota.sip import iari, push_resource_identifier
from omapush.ota.sip.tag_values import feature_parameter, listed_values
from omapush.protocols.sip.listing import split_list, split_outside

MAX_ACCEPTED = 32
"""Values of Accept-Contact that are looked at."""


@dataclass(frozen=True, slots=True)
class PushFeatures:
    """The features of a contact that concern push.

    :ivar applications: Push Resource Identifiers; :data:`push_resource_identifier.ANY` among them:
        any application, or which they are is hidden.
    :ivar instances: IARIs, as URNs.
    """

    applications: tuple[str, ...] = ()
    instances: tuple[str, ...] = ()

    @classmethod
    def declared(
        cls,
        applications: Iterable[ApplicationId | str],
        instances: Iterable[str] = (),
        *,
        hidden: bool = False,
    ) -> PushFeatures:
        """Return the features of a client with these applications.

        :param applications: push application ids.
        :param instances: Application IDs of the CAI.
        :param hidden: nobody is to learn which they are (REQ22).
        :raises DecodeError: no push application id.
        """
        values = push_resource_identifier.values_of(applications)
        if hidden and values:
            values = (push_resource_identifier.ANY,)
        named = () if hidden else tuple(dict.fromkeys(iari.iari_of(one) for one in instances))
        return cls(values, named)

    @classmethod
    def read(cls, parameters: str) -> PushFeatures:
        """Read the parameters of a Contact, ``;`` between them; what is malformed is passed over.

        An element of Accept-Contact has the same form.
        """
        applications: tuple[str, ...] = ()
        instances: list[str] = []
        for one in split_outside(parameters, ";"):
            name, equals, value = one.partition("=")
            tag = name.strip().lower().removeprefix("+")
            values = listed_values(value if equals else None)
            if tag == push_resource_identifier.TAG:
                applications += values
            elif tag == iari.TAG:
                instances.extend(found for each in values if (found := _iari(each)) is not None)
        return cls(applications, tuple(instances))

    @property
    def is_for_push(self) -> bool:
        """Whether the contact takes pushes at all."""
        return bool(self.applications)

    @property
    def takes_any(self) -> bool:
        """Whether it is for any application, or hides for which."""
        return push_resource_identifier.ANY in (one.upper() for one in self.applications)

    def has(self, application: ApplicationId | str) -> bool:
        """Whether pushes to this application may go to the contact.

        :raises DecodeError: no push application id.
        """
        wanted = push_resource_identifier.value_of(application)
        if self.takes_any or wanted == push_resource_identifier.ANY:
            return self.is_for_push
        return any(push_resource_identifier.same_value(one, wanted) for one in self.applications)

    def parameters(self) -> tuple[str, ...]:
        """Return them as parameters of a Contact."""
        written = []
        if self.applications:
            only_any = self.applications == (push_resource_identifier.ANY,)
            values = () if only_any else self.applications
            written.append(feature_parameter(push_resource_identifier.TAG, values))
        if self.instances:
            values = tuple(iari.value_of(one) for one in self.instances)
            written.append(feature_parameter(iari.TAG, values))
        return tuple(written)


def accept_contact(
    application: ApplicationId | str,
    instance: str | None = None,
    *,
    contact: PushFeatures | None = None,
    explicit: bool = True,
) -> str:
    """Write the Accept-Contact of a push: only contacts that declare the application get it.

    :param instance: an Application ID of the CAI; the contact has to declare both (RFC 3841: one
        value is one conjunction).
    :param contact: what the contact is known to declare. One that hides its applications has the
        tag without a value, and no other asks for it.
    :param explicit: contacts that declare nothing are left out (RFC 3841 7.2.4).
    :raises DecodeError: no push application id.
    """
    value = push_resource_identifier.value_of(application)
    listed = contact is None or not contact.takes_any
    if not listed and contact is not None:
        listed = any(
            push_resource_identifier.same_value(one, value) for one in contact.applications
        )
    values = (value,) if listed and value != push_resource_identifier.ANY else ()
    asked = ["*", feature_parameter(push_resource_identifier.TAG, values)]
    if instance is not None:
        asked.append(feature_parameter(iari.TAG, (iari.value_of(instance),)))
    return ";".join((*asked, "require", *(("explicit",) if explicit else ())))


def asked_for(accept_contacts: Iterable[str]) -> PushFeatures:
    """Return what the values of Accept-Contact of a request ask for in all; never fails."""
    applications: list[str] = []
    instances: list[str] = []
    for one in [each for value in accept_contacts for each in split_list(value)][:MAX_ACCEPTED]:
        found = PushFeatures.read(one)
        applications.extend(found.applications)
        instances.extend(found.instances)
    return PushFeatures(tuple(dict.fromkeys(applications)), tuple(dict.fromkeys(instances)))


def _iari(value: str) -> str | None:
    try:
        return iari.iari_in(value)
    except DecodeError:
        return None
