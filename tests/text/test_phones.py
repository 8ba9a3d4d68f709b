"""Phrases in phones: words by the lexicon, phones as typed, and all ways to say a phrase within bounds."""

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.acoustic.model import Model, load_tokenizer
from kwsd.keywords.files import read_keyword_file
from kwsd.keywords.keyword import Keyword
from kwsd.keywords.overlaps import keyword_warnings
from kwsd.keywords.sequences import MOST_IN_ALL, MOST_SEQUENCES, all_token_sequences, token_sequences
from kwsd.spotters.library import SampleSpotter
from kwsd.text.phones import MOST_ENCODINGS, PhoneTokenizer
from kwsd.text.pieces import Tokenizer
from testkit.commands import KWSCTL, KWSD, run
from testkit.phone_model import build_phone_model, say, shipped_lexicon
from training.zipformer.data.units import MARKED, PHONES

TOKENIZER = PhoneTokenizer(shipped_lexicon(), ("<blk>", *PHONES))
WORDS = ("A", "ALEXA", "AND", "BATS", "BOX", "BUS", "CAT", "DOG", "HEY", "LIGHT", "OFF", "ON", "PLAY", "READ", "TURN")
MARKING = PhoneTokenizer(shipped_lexicon(), ("<blk>", *MARKED))
"""For a model whose units tell which phone begins a word."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_phone_model(tmp_path_factory.mktemp("model") / "phones")


def ways(phrase: str) -> list[str]:
    return [" ".join(TOKENIZER.pieces(ids)) for ids in TOKENIZER.encodings(phrase)]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("light", ["L AY T"]),
        ("Lights ON", ["L AY T S AA N", "L AY T S AO N"]),
        ("on and on", ["AA N AX N D AA N", "AO N AX N D AA N", "AA N AE N D AA N", "AA N AX N D AO N"]),
        ("/AX L EH K S AX/", ["AX L EH K S AX"]),
        ("hey /z ow1 l ah0/ light", ["HH EY Z OW L AX L AY T"]),
        ("/▁L AY T ▁ah0/", ["L AY T AX"]),
    ],
)
def test_the_usual_way_comes_first_then_one_change_at_a_time(phrase: str, expected: list[str]) -> None:
    assert ways(phrase)[: len(expected)] == expected
    assert TOKENIZER.encode(phrase) == next(TOKENIZER.encodings(phrase))


@given(words=st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=40))
def test_there_are_never_many_ways_and_none_comes_twice(words: list[str]) -> None:
    found = list(TOKENIZER.encodings(" ".join(words)))
    assert 1 <= len(found) <= MOST_ENCODINGS
    assert len(set(found)) == len(found)


def test_a_keyword_has_a_bounded_number_of_sequences() -> None:
    found = token_sequences(Keyword("read a /EY B/ and read on and on and off"), TOKENIZER)
    assert len(found) <= MOST_SEQUENCES


def test_each_keyword_of_a_long_list_has_fewer() -> None:
    many = [Keyword(f"read on {word} on {other}") for word, other in product(WORDS, WORDS)]
    few = all_token_sequences(many[:10], TOKENIZER)
    assert max(map(len, few)) == MOST_SEQUENCES
    assert sum(map(len, all_token_sequences(many * (MOST_IN_ALL // len(many) // 2), TOKENIZER))) <= MOST_IN_ALL


@pytest.mark.parametrize(
    ("phrase", "message"),
    [
        ("", "there is no text"),
        ("/AX L EX/", '"/AX L EX/" has "EX", which is no phone; there are AA AE AH'),
        ("//", '"//" has nothing, which is no phone'),
        ("on /AX", '"/AX" has "/", which has no English sound'),
        ("▁LIGHT S", '"▁LIGHT S" is pieces of words, and the units of this model are phones'),
        ("HH AH0 L OW1 W ER1 L D", '"HH AH0 L OW1 W ER1 L D" looks like phones, not words; write the words, or'),
        ("x iǎo ài t óng x ué", '"x iǎo ài t óng x ué" looks like pinyin cut into sounds'),
        ("_HE Y", '"_HE Y" looks like pieces of words'),
        ("hey jarvis /1e-20/", '"/1e-20/" is a threshold of another engine; here one is written #0.35'),
    ],
)
def test_what_cannot_be_said_is_named_with_the_remedy(phrase: str, message: str) -> None:
    with pytest.raises(ValueError, match="^" + message):
        TOKENIZER.encodings(phrase)


def test_digits_and_symbols_are_said_in_words() -> None:
    """Through the written forms, as with every model: the lexicon itself knows letters only."""
    (first, *_) = token_sequences(Keyword("cat & dog"), TOKENIZER)
    assert first.spelling == "CAT AND DOG"
    assert " ".join(TOKENIZER.pieces(first.tokens)) == "K AE T AX N D D AO G"


def test_typed_phones_have_no_written_forms() -> None:
    assert len(token_sequences(Keyword("/D IY V IY/ light"), TOKENIZER)) == 1


def test_what_sounds_the_same_is_one_keyword(tmp_path: Path) -> None:
    path = tmp_path / "home.txt"
    path.write_text("red\ncat\nCAT :2.0\nlight /AA N/ @mine\nlight /xx/\n")
    found = read_keyword_file(path, TOKENIZER)
    assert [keyword.label for keyword in found.keywords] == ["red", "cat", "mine"]
    repeated, unknown = map(str, found.problems)
    assert repeated.endswith('"CAT" is the same as line 2, which stays')
    assert '5: "/xx/" has "XX", which is no phone' in unknown


def test_words_are_joined_and_parted_where_a_dictionary_has_what_comes_of_it() -> None:
    """SNOW and BALL make a word that somebody wrote down; TURN and LIGHT none, and who knows how it would sound?"""
    assert "SNOWBALL" in {sequence.spelling for sequence in token_sequences(Keyword("snow ball"), TOKENIZER)}
    assert {sequence.spelling for sequence in token_sequences(Keyword("turn light"), TOKENIZER)} == {"turn light"}
    texts = {sequence.spelling for sequence in token_sequences(Keyword("zorblax 2"), TOKENIZER)}
    assert "ZORBLAX TWO" in texts  # what was typed is listened for, whoever knows it
    with_stop = {sequence.spelling for sequence in token_sequences(Keyword("zorblax!"), TOKENIZER)}
    assert with_stop == {"ZORBLAX"}


def test_nobody_claims_to_know_where_words_end() -> None:
    """`night` is heard in `nightlight` too: phones do not tell; but a listed longer keyword still takes precedence."""
    warnings = keyword_warnings([Keyword("turn light"), Keyword("turn lights")], TOKENIZER)
    assert [warning.text for warning in warnings] == [
        'begins "turn lights": it is reported a little later, once the longer one is ruled out'
    ]


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("light", "▁L AY T"),
        ("Lights ON", "▁L AY T S ▁AA N"),
        ("hey /z ow1 l ah0/ light", "▁HH EY ▁Z OW L AX ▁L AY T"),
        ("/AX/ /B AE/", "▁AX ▁B AE"),
        ("/▁HH EY ▁z ow1 l ▁ah0/", "▁HH EY ▁Z OW L ▁AX"),
    ],
)
def test_the_first_phone_of_each_word_is_marked_where_the_model_does_so(phrase: str, expected: str) -> None:
    ids = MARKING.encode(phrase)
    assert " ".join(MARKING.pieces(ids)) == expected
    assert [MARKING.is_word_start(token) for token in ids] == [phone.startswith("▁") for phone in expected.split()]


def test_a_phone_that_does_not_exist_is_answered_with_phones_as_they_are_typed() -> None:
    with pytest.raises(ValueError, match=r"there are AA AE AH .* ZH$"):
        MARKING.encode("/EX/")


def test_a_directory_with_pieces_has_pieces_and_one_with_a_lexicon_has_phones(
    directory: Path, tiny_model_dir: Path
) -> None:
    assert isinstance(load_tokenizer(directory), PhoneTokenizer)
    assert isinstance(load_tokenizer(tiny_model_dir), Tokenizer)


@pytest.mark.parametrize("phones", ["L AY T S AA N", "L AY T S AO N"])
def test_a_phrase_is_heard_in_every_way_to_say_it(directory: Path, phones: str) -> None:
    spotter = SampleSpotter(Model(directory), [Keyword("lights on"), Keyword("/B AE/", name="bah")])
    (hit,) = [*spotter.accept(say(phones)), *spotter.finish()]
    assert (hit.keyword, " ".join(hit.tokens)) == ("lights on", phones)


def test_a_word_may_go_on_where_no_marks_tell(directory: Path) -> None:
    spotter = SampleSpotter(Model(directory), [Keyword("night")])
    (hit,) = [*spotter.accept(say("N AY T F AO L")), *spotter.finish()]
    assert hit.keyword == "night"


def test_check_shows_the_pronunciations(directory: Path, tmp_path: Path) -> None:
    """Whoever is not heard can see how kwsd thinks the word sounds, and put it right."""
    (tmp_path / "keywords.txt").write_text("lights on\n/AX L EH K S AX/ @alexa\n")
    done = run(KWSCTL, "check", "--model", directory, "--keywords", "keywords.txt", home=tmp_path)
    assert done.returncode == 0, done.stderr
    shown = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert "lights on L AY T S AA N" in shown
    assert "L AY T S AO N" in shown
    assert "alexa AX L EH K S AX" in shown


def test_a_phone_that_does_not_exist_is_reported_with_its_line(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "keywords.txt").write_text("/L AY TT/\n")
    done = run(KWSD, "--model", directory, "--keywords", "keywords.txt", "--input", "-", home=tmp_path)
    assert done.returncode == 78
    assert 'keywords.txt:1: "/L AY TT/" has "TT", which is no phone; there are AA AE' in done.stderr
