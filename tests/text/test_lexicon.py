"""How words sound: the dictionary, the rules for what it lacks, and the files that hold them."""

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.errors import ModelError
from kwsd.text.letter_sounds import LARGEST_UNPACKED_BYTES, LetterSounds
from kwsd.text.lexicon import LETTER_NAMES, LETTER_SOUNDS, LEXICON, MOST_PRONUNCIATIONS, MOST_READINGS, Lexicon
from kwsd.text.vocabulary import read_tokens
from testkit.few_words import WORDS
from training.lexicon.letter_alignment import align_all
from training.lexicon.lexicon import Dictionary, learn, lines_of, not_by_rule, with_more_words, without_stress
from training.zipformer.data.units import MARKED, PHONES


def dictionary() -> Dictionary:
    """WORDS as the recipe reads a dictionary."""
    return {word: tuple(tuple(way.split()) for way in ways.split(", ")) for word, ways in WORDS.items()}


def small_lexicon() -> Lexicon:
    """What the recipe learns from WORDS, without going through files."""
    table = learn(dictionary())
    return Lexicon(lines_of(not_by_rule(dictionary(), table)), table)


LEXICON_OF_WORDS = small_lexicon()


def said(word: str) -> list[str]:
    return [" ".join(phones) for phones in LEXICON_OF_WORDS.pronunciations(word)]


@pytest.mark.parametrize("word", WORDS)
def test_every_word_of_the_dictionary_comes_back_as_it_was(word: str) -> None:
    ways = WORDS[word].split(", ")
    assert said(word)[: len(ways)] == ways


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("lights", ["L AY T S"]),
        ("CAT'S", ["K AE T S"]),
        ("dog’s", ["D AO G Z"]),
        ("bus's", ["B AH S IH Z"]),
        ("on's", ["AA N Z", "AO N Z"]),
        ("'cat'", ["K AE T"]),
        ("DVD", ["D IY V IY D IY"]),
        ("Q", ["K Y UW"]),
        ("cat-dog", ["K AE T D AO G"]),
        ("on-off", ["AA N AO F", "AO N AO F"]),
        ("CÁT", ["K AE T"]),
        ("S'S", ["EH S IH Z"]),
    ],
)
def test_words_that_are_not_listed(word: str, expected: list[str]) -> None:
    assert said(word)[: len(expected)] == expected


def test_a_long_word_that_is_read_by_its_letters_has_several_readings() -> None:
    """The first are the network's; in the tree's one letter sounds as it might, before more of the word is known."""
    lexicon = Lexicon.load(SHIPPED)
    readings = [" ".join(phones) for phones in lexicon.pronunciations("HADOUKEN")]
    assert "HH AX D UW K AX N" in readings[:2]
    assert "HH AE D AW K AX N" in readings
    assert len(set(readings)) == len(readings) == MOST_READINGS
    assert len(lexicon.pronunciations("OLIVERA")) <= MOST_PRONUNCIATIONS  # of the dictionary, read by the tree
    assert len(lexicon.pronunciations("JOKE")) == 1  # it would be heard in half of all that sounds like it


@given(word=st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ'"), min_size=1, max_size=12), most=st.integers(1, 9))
def test_the_first_readings_are_the_same_however_many_are_asked_for(word: str, most: int) -> None:
    table = LEXICON_OF_WORDS._letter_sounds
    readings = table.readings(word, most)
    assert len(set(readings)) == len(readings) <= most
    assert table.readings(word, most + 3)[: len(readings)] == readings


def test_an_unknown_word_is_read_letter_for_letter_as_known_words_are() -> None:
    assert said("BIGHT") == ["B AY T"] or said("BIGHT")[0].endswith("AY T")
    assert said("CABS")[0].startswith("K AE B")


@given(word=st.text(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ'-"), min_size=1, max_size=20))
def test_whatever_has_a_letter_can_be_said(word: str) -> None:
    if word.strip("'-"):
        ways = LEXICON_OF_WORDS.pronunciations(word)
        assert 1 <= len(ways) <= MOST_PRONUNCIATIONS
        assert all(way and set(way) <= set(PHONES) for way in ways)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (
            "你好",
            '"你好" has "你", "好", which has no English sound; write it with the letters A to Z, or give its phones',
        ),
        ("ДOM", '"ДOM" has "Д", which has no English sound; did you mean "DOM"\\?'),
        ("привет", '"привет" has "п", "р", "и", "в", "е", "т", which has no English sound; did you mean "PRIVET"\\?'),
        ("X²", '"X²" has "²", which has no English sound; write it in words, such as "squared"'),
        ("lights™", '"lights™" has "™", which has no English sound; did you mean "LIGHTS"\\?'),
        ("JАRVIS", '"JАRVIS" has "А", which has no English sound; did you mean "JARVIS"\\?'),
        ("5§", '"5§" has "§", which has no English sound; write it in words, such as "section"'),
        ("HI☃", '"HI☃" has "☃", which has no English sound; did you mean "HI"\\?'),
        ("☃", '"☃" has "☃", which has no English sound; leave it out, or write in words what is said for it'),
        ("MP3", '"MP3" has "3", which has no English sound'),
        ("'-'", "\"'-'\" has no letters to pronounce"),
    ],
)
def test_what_cannot_be_said_is_named(word: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message.replace("'", "['’]")):
        LEXICON_OF_WORDS.pronunciations(word)


def test_letters_are_called_by_phones_of_the_model() -> None:
    assert len(LETTER_NAMES) == 26
    assert {phone for name in LETTER_NAMES.values() for phone in name} <= set(PHONES)


def test_files_hold_the_same(tmp_path: Path) -> None:
    write(tmp_path)
    loaded = Lexicon.load(tmp_path)
    words = [*WORDS, "BIGHT", "TABULATE", "DOG'S"]
    assert [loaded.pronunciations(word) for word in words] == [LEXICON_OF_WORDS.pronunciations(word) for word in words]


def write(folder: Path) -> None:
    LEXICON_OF_WORDS._letter_sounds.write(folder / LETTER_SOUNDS)
    (folder / LEXICON).write_bytes(gzip.compress(LEXICON_OF_WORDS._lines))


Damage = Callable[[Path], object]
BOMB = gzip.compress(bytes(LARGEST_UNPACKED_BYTES + 1), 1)


def pipe_instead(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / LEXICON).unlink(), LEXICON),
        (lambda folder: (folder / LEXICON).write_bytes(b"not gzip"), LEXICON),
        (lambda folder: (folder / LETTER_SOUNDS).unlink(), LETTER_SOUNDS),
        (
            lambda folder: (folder / LETTER_SOUNDS).write_bytes(gzip.compress(b"x\ny\nz")),
            "is not a table of letter sounds",
        ),
        (lambda folder: (folder / LETTER_SOUNDS).write_bytes(b"\x1f\x8b"), LETTER_SOUNDS),
        (lambda folder: pipe_instead(folder / LEXICON), LEXICON),
        (lambda folder: pipe_instead(folder / LETTER_SOUNDS), LETTER_SOUNDS),
        (lambda folder: flip_a_bit(folder / LEXICON), LEXICON),
        (lambda folder: flip_a_bit(folder / LETTER_SOUNDS), LETTER_SOUNDS),
        (lambda folder: (folder / LEXICON).write_bytes(gzip.compress(b"ON\tAA N")), "breaks off"),  # was read for ever
        (lambda folder: (folder / LEXICON).write_bytes(gzip.compress(b"ON\t\xe4\n")), "cannot be read"),
        (lambda folder: (folder / LEXICON).write_bytes(BOMB), "unpacks to more than"),
        (lambda folder: (folder / LETTER_SOUNDS).write_bytes(BOMB), "unpacks to more than"),
    ],
)
def test_broken_files_are_refused_by_name(tmp_path: Path, damage: Damage, message: str) -> None:
    write(tmp_path)
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        Lexicon.load(tmp_path)


# ------------------------------------------------------------------------------------------------- how it is learnt


def test_letters_get_their_phones() -> None:
    entries = [(word, ways[0]) for word, ways in dictionary().items()]
    aligned = align_all(entries)
    assert aligned["LIGHT", ("L", "AY", "T")] in {
        (("L",), ("AY",), (), (), ("T",)),
        (("L",), (), ("AY",), (), ("T",)),
        (("L",), (), (), ("AY",), ("T",)),
    }
    assert aligned["CATS", ("K", "AE", "T", "S")] == (("K",), ("AE",), ("T",), ("S",))
    assert all(sum(alignment, ()) == phones for (_, phones), alignment in aligned.items())


def test_a_word_with_more_phones_than_its_letters_can_have_teaches_nothing() -> None:
    spelt_out = ("W", ("D", "AH", "B", "AX", "L", "Y", "UW"))
    assert spelt_out not in align_all([*((word, ways[0]) for word, ways in dictionary().items()), spelt_out])


@given(seed=st.integers(0, 1000))
def test_any_dictionary_comes_back_as_it_was(seed: int) -> None:
    """Even nonsense: what the tree gets wrong is listed."""
    chance = random.Random(seed)
    words = {
        "".join(chance.choices("ABCDE'", k=chance.randint(1, 6))) + chance.choice(("A", "A'S", "B")): tuple(
            {tuple(chance.choices(PHONES, k=chance.randint(1, 8))): None for _ in range(chance.randint(1, 3))}
        )
        for _ in range(20)
    }
    table = LEXICON_OF_WORDS._letter_sounds
    lexicon = Lexicon(lines_of(not_by_rule(words, table)), table)
    assert {word: lexicon.pronunciations(word)[: len(ways)] for word, ways in words.items()} == words


def test_stress_goes_but_for_the_schwa() -> None:
    assert [without_stress(phone) for phone in ("AH0", "AH1", "EY2", "K")] == ["AX", "AH", "EY", "K"]


def test_more_words_are_said_with_phones_of_the_model() -> None:
    added = with_more_words({"LED": (("L", "EH", "D"),)})
    assert added["LED"] == (("L", "EH", "D"), ("EH", "L", "IY", "D", "IY"))
    assert {phone for ways in added.values() for way in ways for phone in way} <= set(PHONES)


def test_the_table_is_stored_the_same_every_time(tmp_path: Path) -> None:
    table = LEXICON_OF_WORDS._letter_sounds
    table.write(tmp_path / "one")
    table.write(tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert LetterSounds.read(tmp_path / "one") == table


# ---------------------------------------------------------------------------------------------- the one that is shipped


SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("alexa", "AX L EH K S AX"),
        ("jarvis", "JH AA R V IH S"),
        ("computer", "K AX M P Y UW T ER"),
        ("snowboy", "S N OW B OY"),
        ("HDMI", "EY CH D IY EH M AY"),
        ("don't", "D OW N T"),
        ("kitchen's", "K IH CH AX N Z"),
        ("read", "R EH D"),
        ("zorblax", "Z AO R B L AE K S"),
    ],
)
def test_the_shipped_lexicon_knows_words_and_reads_names(word: str, expected: str) -> None:
    assert expected in [" ".join(phones) for phones in Lexicon.load(SHIPPED).pronunciations(word)]


def test_the_shipped_lexicon_says_everything_in_phones_of_its_model() -> None:
    known = set(read_tokens(SHIPPED / "tokens.txt"))
    lexicon = Lexicon.load(SHIPPED)
    listed = {phone for line in lexicon._lines.splitlines() for phone in line.decode().split("\t")[1].split()}
    read = {phone for sound in lexicon._letter_sounds.sounds for phone in sound}
    assert listed | read <= set(PHONES)
    assert known == {"<blk>", *MARKED}


def test_the_shipped_lexicon_is_small() -> None:
    assert sum((SHIPPED / name).stat().st_size for name in (LEXICON, LETTER_SOUNDS)) < 350_000
