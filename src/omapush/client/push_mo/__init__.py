"""The Push Management Object: what a device management server sets on this device. Pure.

Who calls whom::

    (DM client, person's tool) ──► tree ──► schema ──► node      commands, statuses of OMA DM
    (file, request) ──► documents ──► tnds        ──► node_form ──► model
                          ├────► json_form   ─────────────────► model
                          └────► provisioning ────────────────► model
    ddf ──► schema
    client.trust.lists ──► tree, documents, node_form; it keeps the tree on disk

* ``model``: :class:`~omapush.client.push_mo.model.PushMO`, the object as values.
* ``node``: a tree of named nodes, which knows nothing of push; ``schema``: which nodes exist where.
* ``tree``: :class:`~omapush.client.push_mo.tree.ManagementTree`, Get, Add, Replace, Delete, Exec.
  There is no DM session here: a DM client of the device calls it.
* ``node_form``, ``tnds``, ``json_form``, ``provisioning``: the forms in which the object comes and
  goes; ``documents`` chooses among them by media type.
* ``ddf``: the description of the tree for servers, made from the schema.

On failure: what is no document at all raises :class:`~omapush.core.errors.DecodeError`. Of a
document, each entry with a wrong value is left out and reported by its path and the reason, the
others are taken; nodes that are not known are kept below ``Ext`` and reported. A command on the
tree answers a status and never raises for what a server sent.
"""
