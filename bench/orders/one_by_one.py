"""The words of slots one by one: each slot's values are keywords, and the best of them counts. What sentences gain."""

from collections import Counter
from collections.abc import Iterable

from bench.orders.material import Order
from kwsd.acoustic.model import Model
from kwsd.acoustic.stream import AcousticStream
from kwsd.events import Detection
from kwsd.keywords.compile import CompiledKeywords
from kwsd.keywords.keyword import Keyword
from kwsd.search.settings import SearchSettings
from kwsd.spotters.compiling import compile_for
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk, Frames


def spotted(model: Model, orders: Iterable[Order]) -> Counter[str]:
    """Kind of order → slots whose word was heard, and no other value of it with a higher score; settings as shipped."""
    settings = SearchSettings().over(model.description.search)
    known: dict[tuple[str, ...], CompiledKeywords] = {}
    right: Counter[str] = Counter()
    for order in orders:
        stream = AcousticStream(model)
        frames = [*stream.push(Chunk(0, order.samples, "")), *stream.finish()]
        for name, values in order.choices.items():
            if values not in known:
                known[values] = compile_for(model, Keyword.of(values), settings)
            right[order.kind] += best(PhraseSpotter(model, known[values]), frames) == order.words[name]
    return right


def best(spotter: PhraseSpotter, frames: Iterable[Frames]) -> str | None:
    """The keyword with the highest score, if any was heard."""
    heard = [event for each in frames for event in spotter.search(each) if isinstance(event, Detection)]
    return max(heard, key=lambda event: event.score).keyword if heard else None
