"""Making a list ready goes on beside threads that hear: it may not change the process for them."""

import gc
import threading

from kwsd.keywords.compile import compile_keywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from testkit.letters import letter_tokenizer


def test_the_collector_runs_on_for_all_threads_while_a_list_is_compiled() -> None:
    """1. A list is compiled on a thread of its own. 2. Meanwhile another looks: garbage is collected as ever."""
    tokenizer, seen, done = letter_tokenizer(), [], threading.Event()
    keywords = [Keyword(f"lights {chr(97 + one)}{chr(97 + two)}") for one in range(26) for two in range(26)]

    def compile_them() -> None:
        compile_keywords(keywords, tokenizer, 31, SearchSettings())
        done.set()

    thread = threading.Thread(target=compile_them)
    thread.start()
    while not done.wait(0.001):
        seen.append(gc.isenabled())
    thread.join()
    assert len(seen) > 3
    assert all(seen)
