"""Whatever a registrar or a proxy of SIP challenges with: it is answered or left alone, and what is
answered can be written."""

import sys

import atheris

with atheris.instrument_imports():
    from omapush.protocols.sip.digest import AkaResult, DigestClient
    from omapush.protocols.sip.message import SipHeaders, SipRequest, SipResponse
    from omapush.protocols.sip.writing import encode_message

REGISTER = SipRequest("REGISTER", "sip:push.test", SipHeaders((("CSeq", "1 REGISTER"),)))


class Sim:
    """Answers every challenge."""

    def respond(self, rand: bytes, autn: bytes) -> AkaResult:
        """Say so."""
        return AkaResult(rand)


def test_one_input(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape").replace("\r", " ").replace("\n", " ")
    headers = SipHeaders((("WWW-Authenticate", text), ("Proxy-Authenticate", text)))
    for credentials in ("secret", Sim()):
        client = DigestClient("alice", credentials, lambda: "cnonce")
        for status in (401, 407):
            answered = client.answer(REGISTER, SipResponse(status, "Who?", headers))
            if answered is None:
                continue
            encode_message(answered)
            encode_message(client.authorise(REGISTER))
            again = client.answer(answered, SipResponse(status, "Who?", headers))
            assert again is None or "stale" in text.lower()


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
