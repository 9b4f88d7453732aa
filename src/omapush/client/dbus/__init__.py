"""The ways into the client over D-Bus, by the extra ``omapush[dbus]``.

Two services, each with a connection and a bus name of its own; a program takes both, either or
none::

    (D-Bus) ──► bus ──► objects (which object, which signature) ──┬► service ──► agent
                 │                                                └► ofono ────► agent
                 └── names: whose is a name, who is the user behind it

    agent ──► applications.handler ──► content (file descriptor) ──► Push of the application
          └─► ofono ──► ReceiveNotification of the agent

* ``service``: ``org.omapush.Client1``. Applications register, see their registrations as objects,
  and are called with each push.
* ``ofono``: oFono's push notification agents, which want the octets of the connectionless push.
* ``applications``: calls applications, and has the bus start those that are away.
* ``variants``: the JSON members of the interface as D-Bus values and back.

Nothing in here is imported unless the settings ask for it.

On failure: who asks for something that cannot be is answered with an error that has a name. An
application that answers with an error, dies or is away has not taken the push; the deadline of the
push ends the call. A bus that goes away is waited for with growing waits; until it is back, pushes
are refused with "try later". Applications without a bus name of their own are gone with their
connection, and so are their registrations; those with one stay.
"""
