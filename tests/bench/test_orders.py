"""What `python -m bench orders` counts: sentences, and the words of their slots one by one."""

from pathlib import Path

from bench.orders.material import Order, framed
from bench.orders.one_by_one import spotted
from bench.orders.report import score
from kwsd.acoustic.model import Model
from kwsd.sentences.compile import compile_sentences
from kwsd.sentences.files import read_sentence_file
from kwsd.sentences.settings import SentenceSettings
from kwsd.spotters.sentences import SentenceSpotter
from testkit.tiny_model import speak

SENTENCES = """\
intents: {Light: {data: [{sentences: ["turn {state} the {place}"]}]}}
lists: {state: {values: ["on", "off"]}, place: {values: [hall, attic]}}
"""
CHOICES = {"state": ("on", "off"), "place": ("hall", "attic")}


def order(said: str, **meant: str) -> Order:
    return Order("spoken", framed(speak(said)), "Light", meant, meant, CHOICES)


def test_slots_are_counted_in_sentences_and_one_by_one(tiny_model_dir: Path, tmp_path: Path) -> None:
    """1. A whole order. 2. One whose beginning is missing. 3. One that means something else. Result: 2; 4 of 6."""
    orders = [
        order("TURN OFF THE ATTIC", state="off", place="attic"),
        order("OFF ATTIC", state="off", place="attic"),
        order("TURN ON THE HALL", state="off", place="attic"),
    ]
    (tmp_path / "s.yaml").write_text(SENTENCES)
    model = Model.load(tiny_model_dir)
    compiled = compile_sentences(read_sentence_file(tmp_path / "s.yaml"), model.tokenizer, "en")
    tallies, length_s = score(SentenceSpotter(model, (), sentences=compiled, intents=SentenceSettings()), orders)
    (tally,) = tallies.values()
    assert (tally.orders, tally.right, tally.slots, tally.slots_right) == (3, 1, 6, 2)
    assert length_s > 6
    assert spotted(model, orders) == {"spoken": 4}
