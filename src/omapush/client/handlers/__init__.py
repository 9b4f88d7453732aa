"""Event handlers that a registration names (CAI-8): how an application is called with its pushes.

* ``address``: what the registration says, as a value. Pure.
* ``activation``: which kinds are allowed and to whom; from a registration to its handler.
* ``launch``: ``exec:["/usr/bin/player","-"]``, a program that is started for each push.
* ``post``: ``unix:/run/app.sock:/push`` and ``http://127.0.0.1:8000/push``, where each push is sent
  as JSON.
* ``function``: ``python:package.module:function``, called in the client's own process.

``dbus:org.example.App/org/example/App`` is read here; whoever has a bus gives ``activation`` what
calls it.

The agent asks ``Activation.check`` before it keeps a registration, and attaches what
``Activation.handler_for`` returns. From then on each push is one call of that
``Handler``, which returns the answer and is cancelled at the deadline.
An application that is not there, whose program cannot be started or whose socket nobody answers,
refuses with ``try_later``: the push is not confirmed, or comes again. What exactly went wrong is
logged; the gateway is told no names of this host.
"""
