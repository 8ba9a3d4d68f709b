"""Loads the open-vocabulary model again and again, in the background, until it comes."""

import logging
import threading
from collections.abc import Callable, Sequence

from kwsd.errors import KwsdError
from kwsd.keywords.keyword import Keyword
from kwsd.spotters.interface import PhraseHearer
from kwsd.timebase import SAMPLE_RATE

logger = logging.getLogger(__name__)

RETRY_SAMPLES = 60 * SAMPLE_RATE  # of sound

Keywords = Sequence[Keyword] | None
"""The list in force; None where it is what the user's file says."""


class ModelRetry:
    """At most one attempt at a time; `poll` never blocks."""

    def __init__(self, load: Callable[[Keywords], PhraseHearer], retry_samples: int = RETRY_SAMPLES) -> None:
        """`load` makes a spotter for a list, or raises KwsdError."""
        self._load = load
        self._retry_samples = retry_samples
        self._next_sample = retry_samples
        self._attempt: threading.Thread | None = None
        self._found: tuple[PhraseHearer, Keywords] | None = None
        self._told = ""

    def poll(self, now_sample: int, keywords: Keywords) -> PhraseHearer | None:
        """The spotter, once there is one for this very list; starts an attempt when it is time."""
        if self._attempt is not None and not self._attempt.is_alive():
            self._attempt = None
            self._next_sample = now_sample + self._retry_samples
            if self._found is not None and self._found[1] is keywords:
                return self._found[0]
            if self._found is not None:
                self._found, self._next_sample = None, now_sample  # another list has come into force meanwhile
        if self._attempt is None and now_sample >= self._next_sample:
            self._attempt = threading.Thread(target=self._try, args=(keywords,), daemon=True, name="load model")
            self._attempt.start()
        return None

    def _try(self, keywords: Keywords) -> None:
        try:
            self._found = self._load(keywords), keywords
        except KwsdError as error:
            level = logging.DEBUG if str(error) == self._told else logging.WARNING
            logger.log(level, "the open-vocabulary model still cannot be loaded: %s", error)
            self._told = str(error)
        except Exception:
            logger.exception("the open-vocabulary model cannot be loaded, and kwsd did not foresee why")
