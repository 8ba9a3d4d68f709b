"""A signal that comes while the socket is made leaves no file behind."""

import os
import signal
import threading

from kwsd.cli.run_daemon import held_back


def test_a_signal_takes_effect_behind_what_is_done_though_another_thread_may_take_it() -> None:
    """1. A model loads in a thread. 2. SIGTERM comes while the socket is made. Result: it is made, and then it ends."""
    came: list[str] = []
    before = signal.signal(signal.SIGTERM, lambda *_: came.append("ended"))
    loaded = threading.Event()
    loading = threading.Thread(target=loaded.wait)
    loading.start()
    try:
        with held_back(signal.SIGTERM):
            os.kill(os.getpid(), signal.SIGTERM)
            came.append("made")
        assert came == ["made", "ended"]
    finally:
        loaded.set()
        loading.join()
        signal.signal(signal.SIGTERM, before)
