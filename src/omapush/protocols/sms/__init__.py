"""Short messages (3GPP 23.038 and 23.040).

* ``alphabet``: the GSM 7 bit default alphabet, and septets packed into octets.
* ``user_data_header``: the information elements in front of user data.
* ``segmentation``: one datagram to user data of at most 140 octets each.
* ``reassembly``: user data back to datagrams, in any order and within bounds.
* ``address``, ``timestamps``, ``data_coding``, ``user_data``: the fields of a TPDU.
* ``tpdu``: SMS-DELIVER, SMS-SUBMIT and the rest, and how they are written.
* ``reading``: TPDUs as a modem prints them, read by named parts.
* ``explain``: what each octet of a TPDU or of user data means.

An SMSC that takes user data (SMPP) needs the first four; a modem needs TPDUs as well. ``wdp`` calls
the segmentation and gives datagrams to whoever listens on a port.

Malformed input raises :class:`~omapush.core.errors.DecodeError` with layer ``sms`` and the offset
in the TPDU or user data given.
"""
