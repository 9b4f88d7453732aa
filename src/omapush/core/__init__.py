"""Words that every other package shares; imports nothing of omapush.

* ``errors``: the root of all our exceptions, with reason and position.
* ``octets``: bounds-checked reader and writer of octet strings.
* ``instants``: points in time as integers; "now" is always an argument.
* ``explanation``: the tree in which a decoder says what each octet means.
* ``backoff``: waits between tries that grow longer.
* ``trace``: one record per noteworthy step, for timelines, logs and decoders.

Nothing here does input or output, and nothing here fails but by the errors it documents.
"""
