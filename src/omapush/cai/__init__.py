"""The Push Client-Application Interface (CAI 1.0 and 1.1): messages and rules for both of its ends.

* ``model``: registration, event, answers, reasons as values.
* ``states``: the life of a registration, one table.
* ``wire``: the same as JSON, for applications in other processes.
* ``service``: the functions of the interface as a protocol (registration, deregistration, events).

An application calls the functions of ``service``, in its own process or through a service access
point that speaks ``wire``; the client calls the application back with events. A request that cannot
be taken is a :class:`~omapush.cai.model.RegistrationRejected` that names its parameter.
"""
