"""What travels: the push message and the content types that push knows.

* ``message``: a push message, i.e. headers and a body (Push Message, WAP-251).
* ``application_id``: the OMNA registry of push application ids, both directions.
* ``indication``: Service Indication, Service Loading and Cache Operation, in text and binary form.
* ``email_notification``: that there is new mail.
* ``mms_notification``: that a multimedia message waits (M-Notification.ind).
* ``provisioning``: OMA client provisioning and its bootstrap security.
* ``recipes``: whole push messages from a few plain arguments, by name.
* ``uaprof``: what a client takes, as CC/PP documents.
* ``written_forms``: any content that has a text and a binary form, from one to the other.

Used by ``pap`` users, ``ota``, ``ppg`` and ``client`` alike. Decoders raise
:class:`~omapush.core.errors.DecodeError`; nothing here does input or output.
"""
