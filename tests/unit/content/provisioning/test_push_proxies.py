"""What a push client learns from a provisioning document."""

from __future__ import annotations

from omapush.content.provisioning import builder
from omapush.content.provisioning.push_proxies import (
    ContactPort,
    ProxyHost,
    PushProxy,
    provisioning_url,
    push_proxies,
)


def test_client_learns_gateway_hosts_and_ports_with_defaults_and_inheritance() -> None:
    document = builder.document(
        builder.pxlogical(
            "push.example",
            "Example",
            (
                builder.pxphysical(
                    "P1",
                    "192.0.2.1",
                    to_napids=("N1", "INTERNET"),
                    ports=(builder.port(9201), builder.port(9200, "OTA-HTTP-TO")),
                ),
                builder.pxphysical("P2", "192.0.2.2", to_napids=("N1",), push_enabled=False),
            ),
            push_enabled=True,
            authentication=builder.pxauthinfo("HTTP-BASIC", "terminal-1", "swordfish"),
            ports=(builder.port(4000),),
        )
    )
    assert push_proxies(document) == (
        PushProxy(
            "push.example",
            "Example",
            (
                ProxyHost(
                    "P1",
                    "192.0.2.1",
                    "IPV4",
                    push_enabled=True,
                    wsp_version="1.2",
                    napids=("N1", "INTERNET"),
                    ports=(ContactPort(9201, ("CO-WSP",)), ContactPort(9200, ("OTA-HTTP-TO",))),
                ),
                ProxyHost(
                    "P2",
                    "192.0.2.2",
                    "IPV4",
                    push_enabled=False,
                    wsp_version="1.2",
                    napids=("N1",),
                    ports=(ContactPort(4000),),
                ),
            ),
            "terminal-1",
            "swordfish",
        ),
    )
    assert "swordfish" not in repr(push_proxies(document))


def test_client_is_known_by_its_own_identity_where_the_proxy_gives_none() -> None:
    document = builder.document(
        builder.client_identity("terminal-2"),
        builder.pxlogical("p", "P", (builder.pxphysical("1", "a", to_napids=("N",)),)),
    )
    [proxy] = push_proxies(document)
    assert (proxy.terminal_id, proxy.password, proxy.push_enabled) == ("terminal-2", None, False)


def test_client_passes_over_proxies_and_ports_without_meaning() -> None:
    nameless = builder.characteristic("PXLOGICAL", {"NAME": "x"})
    ports = (builder.characteristic("PORT", {"PORTNBR": word}) for word in ("0", "x", "70000"))
    document = builder.document(
        nameless,
        builder.pxlogical("p", "P", (builder.pxphysical("1", "a", to_napids=(), ports=ports),)),
    )
    [proxy] = push_proxies(document)
    assert (proxy.proxy_id, proxy.hosts[0].ports) == ("p", ())


def test_context_is_named_by_its_url() -> None:
    url = "http://prov.example/"
    assert provisioning_url(builder.document(builder.bootstrap("A", provurl=url))) == url
    assert provisioning_url(builder.document(builder.bootstrap("A"))) is None
