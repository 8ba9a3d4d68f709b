"""Names and orders by synthetic voices that are never trained on, and ten unusual phrases that people recorded.

What is said here is in no list that training texts are made of (`names.txt`, `wake_words.txt`, orders but for COFFEE
MACHINE itself); AMERICANO was a wake word there once, see README.md.
"""

import random
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

from measure import manifests
from training.zipformer.data.synthesis import HELD_OUT
from training.zipformer.data.trials import Row, Samples, Trial, read_alone, sample, somewhere, spoken

UNSEEN_NAMES = Path(__file__).parent / "unseen_names.txt"
CUSTOM = "custom-keywords"
SLOT_WORDS = (
    *("AMERICANO", "CAPPUCCINO", "ESPRESSO", "FLAT WHITE", "MOCHA"),
    *("SMALL", "MEDIUM", "LARGE", "DARK ROAST", "DOUBLE SHOT"),
)
DRINKS, SIZES = SLOT_WORDS[:5], SLOT_WORDS[5:8]
ORDERS = (
    "can i have a {size} {drink} please",
    "make me a {size} {drink} with dark roast",
    "i would like one {drink} with a double shot",
    "a {size} double shot {drink} with some milk",
    "could you brew one {drink} now and make it {size}",
    "my friend wants one dark roast {drink} today",
)
"""Made up for this row; whoever wants a coffee says something like it."""
ORDER_COUNT = 60
SEED = 5


def names(shared: Path, limit: int, folder: Path) -> Row:
    """Give 55 first names and product names, each alone by four voices, all 55 listened for."""
    del shared
    every = tuple(UNSEEN_NAMES.read_text(encoding="utf-8").splitlines())
    said = sample([(name, [name], voice) for voice in HELD_OUT for name in every], limit)
    return Row(every, tuple(_trials(said, folder)))


def slots(shared: Path, limit: int, folder: Path) -> Row:
    """Give orders to a coffee machine in one breath, in which its ten words are listened for."""
    del shared
    choose = random.Random(SEED)
    said: list[tuple[str, list[str], str]] = []
    for number in range(ORDER_COUNT):
        template = ORDERS[number % len(ORDERS)]
        text = template.format(drink=choose.choice(DRINKS), size=choose.choice(SIZES)).upper()
        said.append((text, [word for word in SLOT_WORDS if word in text], HELD_OUT[number // len(ORDERS) % 4]))
    return Row(SLOT_WORDS, tuple(_trials(sample(said, limit), folder)))


def custom(shared: Path, limit: int, folder: Path) -> Row:
    """Give what people recorded of ten unusual phrases, all ten listened for."""
    del folder
    rows = [row for row in manifests.read(shared / "speech" / "manifest.tsv") if row["corpus"] == CUSTOM]
    read = (
        Trial(partial(read_alone, shared / "speech" / row["path"]), somewhere([row["transcript"]]))
        for row in sample(rows, limit)
    )
    return Row(tuple(sorted({row["transcript"] for row in rows})), tuple(read))


SPOKEN_ROWS: dict[str, Callable[[Path, int, Path], Row]] = {"names": names, "slots": slots, "custom": custom}
"""As ROWS of `trials`; nothing is chosen by them."""


def _trials(said: Iterable[tuple[str, list[str], str]], folder: Path) -> Iterable[Trial]:
    """Texts, what of them is listened for, and who says them."""
    for text, phrases, voice in said:
        yield Trial(partial(_spoken_alone, text, voice, folder), somewhere(phrases))


def _spoken_alone(text: str, voice: str, folder: Path) -> Samples:
    return read_alone(spoken(text, voice, folder))
