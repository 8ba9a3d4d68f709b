"""The model of a daemon, read and made ready on a thread of its own while the rest of the daemon is imported.

onnxruntime makes a session without Python, in a third of the time that all the imports take.
"""

import threading
from concurrent.futures import Future

from kwsd.acoustic.model import Model
from kwsd.limits import ChunkMs


class EarlyModel:
    """Begins to load one; `load` is `Model.load` for whoever needs it then."""

    def __init__(self, name: str, chunk_ms: ChunkMs) -> None:
        self._early: Future[Model] | None = Future()
        early = self._early

        def work() -> None:
            try:
                early.set_result(Model.load(name, chunk_ms))
            except BaseException as error:  # noqa: BLE001  it is raised again where the model is asked for
                early.set_exception(error)

        threading.Thread(target=work, name="model", daemon=True).start()

    def load(self, name: str, chunk_ms: ChunkMs) -> Model:
        """The one that was begun with, the first time; whoever tries again reads it anew. Raises ModelError."""
        early, self._early = self._early, None
        return Model.load(name, chunk_ms) if early is None else early.result()
