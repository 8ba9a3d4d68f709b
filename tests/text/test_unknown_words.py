"""Words that no dictionary has: what tells that they are unknown, and the network that reads them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kwsd.errors import ModelError
from kwsd.text.known_words import KnownWords
from kwsd.text.letter_network import LETTERS, UNLIKELY_NATS, LetterNetwork, LetterWeights
from kwsd.text.lexicon import KNOWN_WORDS, LETTER_NETWORK, LETTER_SOUNDS, LEXICON, MOST_PRONUNCIATIONS, Lexicon
from training.zipformer.data.units import PHONES

SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"
WORD = st.text(st.sampled_from(LETTERS), min_size=1, max_size=12)
UNITS, SOUNDS = 6, ((), ("AA",), ("B",), ("K", "S"), ())


def some_weights(seed: int) -> LetterWeights:
    """A network that knows nothing."""
    draw = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        **{f"{way}{layer}.recurrent": (UNITS, 3 * UNITS) for way in ("forwards", "backwards") for layer in (1, 2)},
        **{f"{way}{layer}.bias": (3 * UNITS,) for way in ("forwards", "backwards") for layer in (1, 2)},
        **{f"{way}{layer}.hidden_bias": (UNITS,) for way in ("forwards", "backwards") for layer in (1, 2)},
        **{f"{way}1.input": (len(LETTERS), 3 * UNITS) for way in ("forwards", "backwards")},
        **{f"{way}2.input": (2 * UNITS, 3 * UNITS) for way in ("forwards", "backwards")},
        "joint": (2 * UNITS, UNITS),
        "joint_bias": (UNITS,),
        "output": (UNITS, len(SOUNDS)),
        "last": (len(SOUNDS), UNITS),
        "last_but_one": (len(SOUNDS), UNITS),
        "output_bias": (len(SOUNDS),),
    }
    return LetterWeights(SOUNDS, {name: draw.normal(size=shape).astype(np.float32) for name, shape in shapes.items()})


@given(words=st.sets(WORD, max_size=50))
def test_every_known_word_is_known(words: set[str]) -> None:
    known = KnownWords.of(words)
    assert all(word in known for word in words)


def test_a_word_of_other_letters_is_not_known() -> None:
    assert "ŁÓDŹ" not in KnownWords.of(["LODZ"])


def test_few_others_are_taken_for_known(tmp_path: Path) -> None:
    KnownWords.of([f"WORD{number}" for number in range(5000)]).write(tmp_path / "known")
    known = KnownWords.read(tmp_path / "known")
    assert sum(f"OTHER{number}" in known for number in range(5000)) < 5000 / 20
    assert (tmp_path / "known").stat().st_size < 5000


@settings(max_examples=30)
@given(seed=st.integers(0, 99), word=WORD)
def test_what_is_stored_reads_as_before(tmp_path_factory: pytest.TempPathFactory, seed: int, word: str) -> None:
    """Once its numbers are rounded as they are stored."""
    folder = tmp_path_factory.mktemp("network")
    some_weights(seed).write(folder / "one.npz")
    rounded = LetterWeights.read_from((folder / "one.npz").read_bytes())
    rounded.write(folder / "two.npz")
    assert (folder / "one.npz").read_bytes() == (folder / "two.npz").read_bytes()
    readings = rounded.read(word)
    assert readings == sorted(readings, reverse=True)
    assert len({phones for _, phones in readings}) == len(readings)
    assert all(total <= 1e-4 and phones for total, phones in readings)


def test_only_likely_readings_are_given(tmp_path: Path) -> None:
    weights = some_weights(3)
    weights.write(tmp_path / LETTER_NETWORK)
    read = LetterWeights.read_from((tmp_path / LETTER_NETWORK).read_bytes()).read("HADOUKEN")
    given_ways = LetterNetwork(tmp_path / LETTER_NETWORK, KnownWords.of(())).readings("HADOUKEN", 4)
    assert given_ways == tuple(phones for total, phones in read[:4] if total > read[0][0] - UNLIKELY_NATS)


# ---------------------------------------------------------------------------------------------- the one that is shipped


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("ZORBLAX", "Z AO R B L AE K S"),  # Z ER B L AE K S by the tree
        ("DISHMASTER", "D IH SH M AE S T ER"),
        ("TIMOTHEUS", "T IH M AX TH IY AX S"),
        ("GLOWBUDDY", "G L OW B AH D IY"),
    ],
)
def test_names_are_read_as_people_say_them(word: str, expected: str) -> None:
    assert expected in [" ".join(phones) for phones in Lexicon.load(SHIPPED).pronunciations(word)]


def test_a_word_of_the_dictionary_is_read_as_ever() -> None:
    """The network is not asked about it, though a rule and no line says how it sounds."""
    lexicon = Lexicon.load(SHIPPED)
    assert lexicon.pronunciations("KITCHENS")[0] == ("K", "IH", "CH", "AX", "N", "Z")
    assert lexicon._network is not None
    assert "_weights" not in vars(lexicon._network)


def test_the_network_says_everything_in_phones_of_its_model() -> None:
    weights = LetterWeights.read_from((SHIPPED / LETTER_NETWORK).read_bytes())
    assert {phone for sound in weights.sounds for phone in sound} <= set(PHONES)
    assert sum((SHIPPED / name).stat().st_size for name in (LETTER_NETWORK, KNOWN_WORDS)) < 450_000


def copy_lexicon(folder: Path) -> None:
    for name in (LEXICON, LETTER_SOUNDS, KNOWN_WORDS, LETTER_NETWORK):
        (folder / name).write_bytes((SHIPPED / name).read_bytes())


def test_a_model_without_the_network_reads_by_its_tree(tmp_path: Path) -> None:
    copy_lexicon(tmp_path)
    fingerprint = Lexicon.load(tmp_path).fingerprint
    (tmp_path / LETTER_NETWORK).unlink()
    without = Lexicon.load(tmp_path)
    assert without.pronunciations("HADOUKEN") == without._letter_sounds.readings("HADOUKEN", MOST_PRONUNCIATIONS)
    assert without.fingerprint != fingerprint


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / KNOWN_WORDS).unlink(), KNOWN_WORDS),
        (lambda folder: (folder / KNOWN_WORDS).write_bytes(b"words"), "is not a table of known words"),
        (lambda folder: (folder / LETTER_NETWORK).write_bytes(b"PK"), "is no network of letters"),
        (lambda folder: (folder / LETTER_NETWORK).write_bytes(b""), "is no network of letters"),
        (lambda folder: flip(folder / LETTER_NETWORK), "is no network of letters"),
        (lambda folder: np.savez(folder / LETTER_NETWORK, sounds=np.array(["-", "AA"])), "is no network of letters"),
        (lambda folder: np.savez(folder / LETTER_NETWORK, a=np.zeros(3)), "is no network of letters"),
    ],
)
def test_a_broken_file_is_refused_by_name_when_it_is_needed(
    tmp_path: Path, damage: Callable[[Path], object], message: str
) -> None:
    copy_lexicon(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        Lexicon.load(tmp_path).pronunciations("HADOUKEN")
