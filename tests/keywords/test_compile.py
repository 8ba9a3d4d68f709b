"""Making a list ready goes on beside threads that hear: it may not change the process for them."""

import gc
from collections.abc import Iterator

from kwsd.keywords.compile import compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.text.pieces import Tokenizer
from testkit.letters import LETTER_TOKENS


class Looking(Tokenizer):
    """Of letters; looks at the collector whenever it is asked."""

    def __init__(self) -> None:
        """Nothing seen yet."""
        super().__init__(lambda word: ["▁", *word], LETTER_TOKENS)
        self.seen: list[bool] = []

    def encodings(self, text: str) -> Iterator[tuple[int, ...]]:
        """As those of all."""
        self.seen.append(gc.isenabled())
        return super().encodings(text)


def test_the_collector_runs_on_for_all_threads_while_a_list_is_compiled() -> None:
    """1. A list is compiled. 2. In the middle of it somebody looks: garbage is collected as ever."""
    looking = Looking()
    compile_keywords([Keyword("lights on"), Keyword("lights off")], looking, len(LETTER_TOKENS), SearchSettings())
    assert len(looking.seen) > 1
    assert all(looking.seen)
