"""What the client takes itself, where the settings say so and no application is registered for it.

::

    agent.take_itself ──► application ──► indications ──► inbox (pure), inbox_store    SI
                               ├───────► services ──► loading_queue (pure)             SL
                               ├───────► cache                                         CO, content
                               └───────► bootstrap ──► a handler of the program's      provisioning
    user ──► service_point.content_routes ──► indications, services, cache

On failure: an indication is on disk before its gateway hears of it; what cannot be kept is refused,
and so is content that is not what its type says.
"""
