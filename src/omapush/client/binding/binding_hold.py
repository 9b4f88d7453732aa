"""A binding that was begun, as it is towards the agent: what is told, and until when."""

from __future__ import annotations

from collections.abc import Callable

from omapush.cai.model import Binding, BindingState, Reason, Registration
from omapush.client.binding.binder import BindingListener


class Hold:
    """Implements ``binder.BindingHold`` where a server knows nothing of one registration.

    :param on_close: is called once, when the binding is left off.
    """

    def __init__(
        self,
        listener: BindingListener,
        on_close: Callable[[Hold], None],
    ) -> None:
        self._listener = listener
        self._on_close = on_close
        self._told: Binding | None = None
        self._closed = False

    @property
    def was_up(self) -> bool:
        """Whether it has ever been told to be up."""
        return self._told is not None and self._told.state in (BindingState.UP, BindingState.LOST)

    def tell(self, binding: Binding) -> None:
        """Tell the listener, unless it knows or nothing is to be told any more."""
        if self._closed or binding == self._told:
            return
        self._told = binding
        self._listener.changed(binding)

    def fail(self, protocol: str, bearer: str, cause: Reason, detail: str) -> None:
        """Tell that the binding cannot be had; that is the last."""
        self.tell(Binding(protocol, bearer, state=BindingState.FAILED, reason=cause, detail=detail))
        self._closed = True

    def keep(self, server_data: str) -> None:
        """Have the agent remember this over restarts."""
        if not self._closed:
            self._listener.keep(server_data)

    def trust(self, contact_point: str) -> None:
        """Have the agent take pushes from there for this registration."""
        if not self._closed:
            self._listener.trust(contact_point)

    def refresh(self, registration: Registration) -> None:
        """Do nothing: what the client takes in all is announced by ``Binder.announce``."""

    async def close(self) -> None:
        """Leave off; a second time changes nothing."""
        self._closed = True
        on_close, self._on_close = self._on_close, _nothing
        on_close(self)


def _nothing(hold: Hold) -> None:
    """There is nothing left to do."""
