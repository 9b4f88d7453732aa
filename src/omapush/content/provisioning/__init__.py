"""OMA Client Provisioning: what configures a device (WAP-183 content, WAP-184 bootstrap).

* ``model``: :class:`ProvisioningDocument`, a tree of characteristics and parms.
* ``schema``, ``validation``: which of them exist, where and how often; :func:`findings` judges.
* ``builder``: documents for the usual cases from plain arguments.
* ``push_proxies``: what a document tells a push client: gateways, their hosts and ports.
* ``documents``: XML text and WBXML octets, both ways.
* ``bootstrap_security``: who may configure a device; MACs, PINs and their verification.

Readers pass over what they do not know and raise
:class:`~omapush.content.provisioning.model.ProvisioningError` or
:class:`~omapush.core.errors.LimitError`; both are :class:`~omapush.core.errors.DecodeError`.
Secrets are in no ``repr`` and in no error.
"""
