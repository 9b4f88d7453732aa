"""The local service access point: the CAI as HTTP and JSON on a Unix socket.

::

    point ──► registration_routes, event_routes, event_stream     /v1
      │  ├──► version_1_0_routes                                  /cai/1.0
      │  └──► content_routes, oversight_routes, trust_routes      /v1, the client's own user
      ├─────► callers (who is it?) ──► (the client's file)
      └─────► requests (read, wait, answer errors)

``peer_credentials`` tells whose process is at the other end. Applications have
``omapush.client.service_client`` on their side.

On failure: what cannot be done is answered with an error body that names the parameter; what nobody
foresaw is 500, and is logged. Nothing that a caller does holds up another one.
"""
