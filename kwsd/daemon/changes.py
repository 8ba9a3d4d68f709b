"""What other threads want changed in the hearing: it is done on the decoding thread, between two chunks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from kwsd.errors import ConfigError
from kwsd.events import Event
from kwsd.orders import EndReason
from kwsd.search.settings import OrderSettings
from kwsd.spotters.interface import Spotter
from kwsd.timebase import seconds

if TYPE_CHECKING:  # few have sentences
    from kwsd.sentences.compile import CompiledSentences


class HearingChange(ABC):
    """Something to be done between two chunks. `done` tells when; cancelled, it is passed over."""

    def __init__(self) -> None:
        self.done: Future[float | None] = Future()

    @abstractmethod
    def bring_about(self, spotter: Spotter) -> tuple[Sequence[Event], float | None]:
        """On the decoding thread → what is to be told because of it, and what `done` has for the asker."""

    def install(self, spotter: Any) -> Sequence[Event]:
        """Bring it into force → what is to be told. On the decoding thread; an error is the asker's."""
        if not self.done.set_running_or_notify_cancel():
            return ()
        try:
            told, found = self.bring_about(spotter)
        except Exception as error:  # noqa: BLE001  it is raised again where it is awaited
            self.done.set_exception(error)
            return ()
        self.done.set_result(found)
        return told


class NewKeywords(HearingChange):
    """A compiled list, and with it sentences where they are to be others."""

    def __init__(self, compiled: Any, sentences: CompiledSentences | None = None) -> None:
        """`compiled` is what the spotter's `compile` gave."""
        super().__init__()
        self.compiled, self._sentences = compiled, sentences

    def bring_about(self, spotter: Spotter) -> tuple[Sequence[Event], None]:
        """They are listened for from now on."""
        spotter.replace(self.compiled)
        if self._sentences is not None and spotter.sentences is not None:
            spotter.sentences.replace(self._sentences)
        return (), None


class NewOrder(HearingChange):
    """An order is to be listened for, whatever was before; or none any more."""

    def __init__(self, settings: OrderSettings | None, reason: EndReason = "stopped") -> None:
        """None stops it, for this reason."""
        super().__init__()
        self._settings, self._reason = settings, reason

    def bring_about(self, spotter: Spotter) -> tuple[Sequence[Event], float | None]:
        """`done` has where listening began, seconds. Raises ConfigError: the models that hear now cannot."""
        orders = spotter.orders
        if self._settings is None:
            return [] if orders is None else [*orders.stop(self._reason)], None
        if orders is None:
            raise ConfigError("nothing but the fixed words is heard now; orders need a model that hears phrases")
        told = [*orders.ask(self._settings)]
        return told, None if orders.listening is None else seconds(orders.listening.since_sample)


class SoundEnds(NewOrder):
    """The microphone was closed or lost: what was being said is not decided hours later, when there is sound again."""

    def __init__(self, reason: EndReason = "stopped") -> None:
        super().__init__(None, reason)

    def bring_about(self, spotter: Spotter) -> tuple[Sequence[Event], float | None]:
        """Orders end, and sentences wait for another wake word, if they need one."""
        found = super().bring_about(spotter)
        if spotter.sentences is not None:
            if spotter.keywords:
                spotter.sentences.disarm()
            else:
                spotter.sentences.arm()
        return found
