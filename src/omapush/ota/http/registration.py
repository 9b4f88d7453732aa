"""One registration of a terminal by the gateway: OPTIONS, until it is known or refused.

More than one round is needed where either end wants the other authenticated, and where the terminal
says that we know its capabilities but we do not (WAP-235, 7.2.5 and 7.2.6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from omapush.core.errors import DecodeError
from omapush.core.instants import Instant
from omapush.ota.http import cpi, headers
from omapush.ota.http.accounts import TerminalAccounts
from omapush.ota.http.authentication import Scheme
from omapush.ota.http.cpi import ToldCpi
from omapush.ota.http.gateway_authentication import (
    Examination,
    GatewayCredentials,
    Proof,
    Unanswerable,
)
from omapush.ota.http.status import push_status
from omapush.ota.interface import PushStatus
from omapush.protocols.http import Header, Request, Response

MAX_ROUNDS = 8
"""OPTIONS requests of one registration: more than any honest terminal needs."""

# Registration refused for now (WAP-235, 7.4.2.1), or what a busy terminal's HTTP status amounts to.
_PASSING = (None, 300, PushStatus.USERREQ, PushStatus.USERDCR)
# Refused whatever we may show.
_FOR_GOOD = (301, 302, PushStatus.VERSION)


@dataclass(frozen=True, slots=True)
class Assumed:
    """What is believed of the terminal before it is asked.

    :ivar tag: a tag whose CPI is among ``known``.
    :ivar expected: the Terminal-ID that should answer; another may.
    :ivar settled: the Terminal-ID that this connection has; no other may answer.
    :ivar prov_url: which provisioning context the terminal is to use (WAP-235, 7.2.5.4); an empty
        one says something too.
    :ivar profile_warning: say that we read profiles (WAP-248, 6.3.3).
    """

    tag: str | None = None
    known: tuple[ToldCpi, ...] = ()
    expected: str | None = None
    settled: str | None = None
    prov_url: str | None = None
    profile_warning: bool = False


@dataclass(frozen=True, slots=True)
class Registered:
    """Who the terminal is, and what it takes."""

    terminal_id: str | None
    bearer_indication: str | None
    told: ToldCpi
    authenticated: bool


@dataclass(frozen=True, slots=True)
class NotRegistered:
    """Why not.

    :ivar authentication: somebody's credentials did not hold.
    :ivar last_word: to be sent before the end: the terminal's credentials are refused for good.
    """

    reason: str
    may_retry: bool = True
    status: int | None = None
    authentication: bool = False
    last_word: Request | None = None


class Registration:
    """One registration.

    :param examination: asks the terminal who it is; ``None``: need not be asked, or not again. One
        that may be left without a proof ends in a registration that is not authenticated.
    :param deadline: until when all rounds together have to be over.
    """

    def __init__(
        self,
        assumed: Assumed,
        accounts: TerminalAccounts,
        credentials: GatewayCredentials,
        examination: Examination | None,
        deadline: Instant,
    ) -> None:
        self._assumed = assumed
        self._accounts = accounts
        self._credentials = credentials
        self._examination = examination
        self._tag = assumed.tag
        self._shown = Scheme.NONE
        self._rounds = 0
        self._asked_without_tag = False
        self._proved: str | None = None
        self._left = False  # examined without coming to a proof
        self.deadline = deadline
        self.is_outstanding = False

    @property
    def met_wrong_credentials(self) -> bool:
        """Whether the terminal showed some, and has not shown better ones since."""
        return self._examination is not None and self._examination.wrong > 0

    def options(self) -> Request:
        """Return the next request. :raises EncodeError: something in it cannot be written."""
        given = [*self._first_headers()]
        if self._examination is not None:
            given.append(self._examination.challenge())
        authorization, self._shown = self._credentials.header("OPTIONS")
        self._rounds += 1
        self.is_outstanding = True
        return Request("OPTIONS", headers.TARGET, (*given, *authorization))

    def take(self, response: Response) -> Registered | NotRegistered | None:
        """Take the answer; ``None``: go on with the next request."""
        self.is_outstanding = False
        goes_on = False
        if self._examination is not None:
            judged = self._judge(self._examination, response)
            if isinstance(judged, NotRegistered):
                return judged
            goes_on = judged
        if response.status == 401 and push_status(response)[0] not in _FOR_GOOD:
            refused = self._demanded(response)
            goes_on = True
            if refused is not None:
                return refused
        result = None if goes_on else self._result(response)
        if result is None and self._rounds >= MAX_ROUNDS:
            return NotRegistered("registration takes too many rounds")
        return result

    def _first_headers(self) -> list[Header]:
        given: list[Header] = [("Host", ""), (headers.VERSION, headers.OUR_VERSION)]
        if self._tag is not None:
            given.append((headers.CPI_TAG, self._tag))
        if self._assumed.prov_url is not None:
            given.append((headers.PROV_URL, self._assumed.prov_url))
        if self._assumed.profile_warning:
            given.append((cpi.PROFILE_WARNING, cpi.SUPPORTS_PROFILES))
        return given

    # -- authentication (WAP-235, 7.2.6.2) --

    def _judge(self, examination: Examination, response: Response) -> NotRegistered | bool:
        """Judge what the terminal shows; return whether it is to be asked again for that alone."""
        proof = examination.judge(response, "OPTIONS")
        if proof is Proof.PROVED:
            self._proved, self._examination = examination.terminal_id, None
            return False
        if proof is Proof.ABSENT and response.status != 401:
            # It may have refused for another reason.
            return _accepts(push_status(response)[0]) and self._unproved(
                examination, response, NotRegistered("the terminal does not show who it is")
            )
        if proof is Proof.REFUSED:
            reason = "the terminal does not want to be authenticated"
            refused = NotRegistered(reason, may_retry=False)
            return self._unproved(examination, response, refused)
        if examination.exhausted:
            return self._unproved(examination, response, self._exhausted(examination))
        return True

    def _unproved(
        self, examination: Examination, response: Response, failure: NotRegistered
    ) -> NotRegistered | bool:
        """Fail, or go on without a proof where none is required."""
        if not examination.may_be_left:
            return replace(failure, authentication=examination.wrong > 0)
        self._examination, self._left = None, True
        # Asked for a proof it need not say its name beside it (WAP-235, 7.2.5.1).
        return response.get(headers.TERMINAL_ID) is None or not _accepts(push_status(response)[0])

    def _exhausted(self, examination: Examination) -> NotRegistered:
        wrong = examination.wrong > 0
        words = "the credentials of the terminal are not right" if wrong else "no proof comes"
        given = (*self._first_headers(), examination.last_word())
        return NotRegistered(
            f"the terminal was not authenticated: {words}",
            authentication=wrong,
            last_word=Request("OPTIONS", headers.TARGET, given),
        )

    def _demanded(self, response: Response) -> NotRegistered | None:
        terminal_id = self._proved or self._assumed.settled or self._assumed.expected
        refused = self._credentials.demanded(
            response,
            self._shown,
            terminal_id,
            terminal_is_proved=self._examination is None and not self._left,
        )
        return None if refused is None else not_authenticated(refused)

    # -- what the terminal answers in the end (WAP-235, 7.2.5.1) --

    def _result(self, response: Response) -> Registered | NotRegistered | None:
        status, words = push_status(response)
        version = response.get(headers.VERSION)
        if not _accepts(status):
            reason = f"registration refused: {words}"
            credentials_refused = response.status == 401 and self._shown is not Scheme.NONE
            return NotRegistered(reason, status in _PASSING, status, credentials_refused)
        if version is not None and headers.choose_version(version) is None:
            reason = f"the terminal answers in OTA version {version[:40]!r}"
            return NotRegistered(reason, may_retry=False)
        try:
            terminal_id = headers.terminal_id(response)
            identified = self._identify(terminal_id)
            if isinstance(identified, NotRegistered):
                return identified
            told = self._told(response, identified, matching=status == 500)
        except DecodeError as error:
            return NotRegistered(f"registration with an unreadable header: {error}")
        if told is None:
            return None
        bearer_indication = headers.bearer_indication(response)
        return Registered(identified, bearer_indication, told, self._proved is not None)

    def _identify(self, terminal_id: str | None) -> str | NotRegistered | None:
        for known in (self._proved, self._assumed.settled):
            if known is not None and terminal_id not in (None, known):
                return NotRegistered("the terminal gives two identities on one connection")
        return self._proved or terminal_id or self._assumed.settled

    def _told(
        self, response: Response, terminal_id: str | None, *, matching: bool
    ) -> ToldCpi | None:
        """Return the CPI; ``None``: the terminal says that we know it, and we do not."""
        given = cpi.of_headers(response.headers)
        if matching and not given:
            known = self._matching(terminal_id)
            if known is not None:
                return known
            if not self._asked_without_tag:
                self._asked_without_tag, self._tag = True, None
                return None
        return cpi.told(headers.cpi_tag(response), given)

    def _matching(self, terminal_id: str | None) -> ToldCpi | None:
        """Return the CPI that "matching" refers to: of our tag, or of that in its SIR."""
        another = self._assumed.expected is not None and terminal_id is not None
        another = another and terminal_id != self._assumed.expected
        if self._tag is not None and not another:
            return find(self._assumed.known, self._tag)
        account = self._accounts.known_cpi(terminal_id) if terminal_id is not None else None
        if account is None:
            return None
        tag = account.tag if self._tag is None else self._tag
        return readable(tag, account.cpi[tag]) if tag in account.cpi else None


def find(known: tuple[ToldCpi, ...], tag: str | None) -> ToldCpi | None:
    """Return what was told under ``tag``."""
    return next((one for one in known if one.tag == tag), None)


def readable(tag: str, given: tuple[Header, ...]) -> ToldCpi | None:
    """Return CPI that was kept, unless somebody kept it without reading it."""
    try:
        return cpi.told(tag, given)
    except DecodeError:
        return None


def not_authenticated(refused: Unanswerable) -> NotRegistered:
    """Return what a demand that cannot be met means for the connection."""
    reason = f"HTTP 401: the terminal demands authentication, and {refused.reason}"
    return NotRegistered(reason, may_retry=False, authentication=refused.refused)


def _accepts(status: int | None) -> bool:
    # 400 stands for a good HTTP status without X-Wap-Push-Status.
    return status is not None and (500 <= status <= 599 or status == 400)
