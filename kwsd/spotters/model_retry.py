"""Loads the open-vocabulary engine again and again, in the background, until it comes."""

import logging
import threading
from collections.abc import Callable, Sequence

from kwsd.errors import KwsdError
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.seat import OpenSpotter

logger = logging.getLogger(__name__)

RETRY_S = 60.0  # of sound


class Revival:
    """At most one attempt at a time; `poll` never blocks."""

    def __init__(self, load: Callable[[Sequence[Keyword]], OpenSpotter], retry_s: float = RETRY_S) -> None:
        """`load` makes an engine for a list of keywords, or raises KwsdError."""
        self._load = load
        self._retry_s = retry_s
        self._next_s = retry_s
        self._attempt: threading.Thread | None = None
        self._found: OpenSpotter | None = None

    def poll(self, now_s: float, keywords: Sequence[Keyword]) -> OpenSpotter | None:
        """The engine, once there is one; starts an attempt when it is time."""
        if self._attempt is None and now_s >= self._next_s:
            self._attempt = threading.Thread(target=self._try, args=(tuple(keywords),), daemon=True, name="revival")
            self._attempt.start()
        elif self._attempt is not None and not self._attempt.is_alive():
            self._attempt = None
            self._next_s = now_s + self._retry_s
        return self._found

    def _try(self, keywords: Sequence[Keyword]) -> None:
        try:
            self._found = self._load(keywords)
        except KwsdError as error:
            logger.debug("the open-vocabulary model still cannot be loaded: %s", error)
