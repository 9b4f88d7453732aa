"""Whatever a peer sends to an endpoint with open transactions: nothing is raised, answers are few,
and in the end nothing is remembered. Messages are separated by an octet of 0x00."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.core.instants import Instant
    from omapush.protocols.sip.primitives import EndpointSettings, RequestInd
    from omapush.protocols.sip.responses import plain_response
    from omapush.testing.sip_endpoints import (
        LEFT,
        RIGHT,
        invite_request,
        push_request,
        sip_endpoint,
    )

SETTINGS = EndpointSettings(maximum_server_transactions=4, maximum_remembered=4)


def one_input(octets: bytes) -> None:
    now = Instant(0)
    endpoint = sip_endpoint(LEFT, SETTINGS, prefix="n")
    endpoint.send(push_request(1), RIGHT, now)
    endpoint.send(invite_request(2), RIGHT, now)
    endpoint.cancel(endpoint.send(invite_request(3), RIGHT, now), now)
    endpoint.effects()
    for message in octets.split(b"\x00")[:20]:
        endpoint.receive(message, RIGHT, now)
        assert len(endpoint.effects()) <= 2
        for one in endpoint.indications():
            if isinstance(one, RequestInd):
                endpoint.respond(one.key, plain_response(200), now)
                assert len(endpoint.effects()) == 1
    while (due := endpoint.next_timer()) is not None:
        endpoint.handle_timer(due)
    assert endpoint.is_idle


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
