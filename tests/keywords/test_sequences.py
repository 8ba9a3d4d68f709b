"""What a phrase may be written like, and which token sequences a keyword is listened for with."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.keywords.keyword import Keyword
from kwsd.keywords.sequences import MOST_SPELLINGS, all_token_sequences, spellings, token_sequences
from kwsd.text.numerals import readings
from kwsd.text.pieces import Tokenizer
from testkit.letters import letter_tokenizer

TOKENIZER = letter_tokenizer()


@pytest.mark.parametrize(
    ("phrase", "expected"),
    [
        ("lights on", ("LIGHTS ON",)),
        ("mister smith", ("MISTER SMITH", "MR SMITH")),
        ("Dr Who", ("DR WHO", "DOCTOR WHO")),
        ("OK Google", ("OK GOOGLE", "OKAY GOOGLE", "O K GOOGLE")),
        ("hey siri", ("HEY SIRI", "HAY SIRI")),
        ("hay siri", ("HAY SIRI",)),
        ("snowboy", ("SNOWBOY", "SNOW BOY")),
        ("snow boy", ("SNOW BOY", "SNOWBOY")),
        ("forever", ("FOREVER", "FOR EVER")),
        ("good night", ("GOOD NIGHT", "GOODNIGHT")),
        ("season", ("SEASON",)),
        ("person", ("PERSON",)),
        ("lights off", ("LIGHTS OFF",)),
        ("lightbulbs", ("LIGHTBULBS", "LIGHT BULBS")),
        ("wi-fi", ("WI-FI", "WIFI", "WI FI")),
        ("play T.V.", ("PLAY T.V.", "PLAY TV", "PLAY T V")),
        ("DVD", ("DVD", "D V D")),
        ("D V D", ("D V D", "DVD")),
        ("favourite colour", ("FAVOURITE COLOUR", "FAVORITE COLOUR", "FAVOURITE COLOR", "FAVORITE COLOR")),
        ("organise it", ("ORGANISE IT", "ORGANIZE IT")),
        ("exercise", ("EXERCISE",)),
        ("rock & roll", ("ROCK & ROLL", "ROCK AND ROLL")),
        ("what’s up?", ("WHAT’S UP?", "WHAT'S UP")),
        ("whats up", ("WHATS UP", "WHAT'S UP")),
        ("hello, world!", ("HELLO, WORLD!", "HELLO WORLD")),
        ("volume 20%", ("VOLUME 20%", "VOLUME TWENTY PERCENT", "VOLUME TWENTY PER CENT")),
        ("!?", ("!?",)),
        ("at 5:30", ("AT 5:30", "AT FIVE THIRTY")),
    ],
)
def test_spellings(phrase: str, expected: tuple[str, ...]) -> None:
    assert spellings(phrase) == expected


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("LIGHTS", ()),
        ("0", ("ZERO",)),
        ("7", ("SEVEN",)),
        ("13", ("THIRTEEN",)),
        ("20", ("TWENTY",)),
        ("42", ("FORTY TWO",)),
        ("101", ("ONE HUNDRED ONE", "ONE HUNDRED AND ONE", "ONE ZERO ONE", "ONE OH ONE")),
        ("500", ("FIVE HUNDRED", "FIVE ZERO ZERO", "FIVE OH OH")),
        ("1984", ("NINETEEN EIGHTY FOUR", "ONE THOUSAND NINE HUNDRED EIGHTY FOUR")),
        ("1905", ("NINETEEN OH FIVE",)),
        ("1900", ("NINETEEN HUNDRED", "ONE THOUSAND NINE HUNDRED")),
        ("2005", ("TWO THOUSAND FIVE", "TWO THOUSAND AND FIVE")),
        ("2026", ("TWENTY TWENTY SIX",)),
        ("10,000", ("TEN THOUSAND",)),
        ("1000000", ("ONE MILLION",)),
        ("007", ("ZERO ZERO SEVEN", "OH OH SEVEN")),
        ("1234567890123", ("ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE ZERO ONE TWO THREE",)),
        ("1ST", ("FIRST",)),
        ("12TH", ("TWELFTH",)),
        ("20TH", ("TWENTIETH",)),
        ("22ND", ("TWENTY SECOND",)),
        ("103RD", ("ONE HUNDRED THIRD",)),
        ("3.14", ("THREE POINT ONE FOUR",)),
        ("50%", ("FIFTY PERCENT",)),
        ("MP3", ("MP THREE",)),
        ("4K", ("FOUR K",)),
        ("C3PO", ("C THREE P O", "C THREE PO")),
        ("4EVER", ("FOUR E V E R", "FOUR EVER")),
        ("-5", ("MINUS FIVE",)),
        ("$5", ("FIVE DOLLARS",)),
        ("-€20", ("MINUS TWENTY EUROS",)),
        ("1/2", ("ONE HALF",)),
        ("3/4", ("THREE QUARTERS",)),
        ("2/3", ("TWO THIRDS",)),
        ("24/7", ("TWENTY FOUR SEVEN",)),
    ],
)
def test_readings_of_digits(digits: str, expected: tuple[str, ...]) -> None:
    assert readings(digits)[: len(expected)] == expected
    assert bool(readings(digits)) == bool(expected)


@given(phrase=st.text(st.sampled_from("AB 019-'.:,&%@+ÉTVDOK"), max_size=30))
def test_spellings_are_few_and_differ_and_always_the_same(phrase: str) -> None:
    found = spellings(phrase)
    assert found[0] == " ".join(phrase.upper().split())
    assert len(set(found)) == len(found) <= MOST_SPELLINGS
    assert spellings(phrase) == found


@given(number=st.integers(0, 10**12 - 1))
def test_every_number_is_read_in_words_alone(number: int) -> None:
    found = readings(str(number))
    assert found
    assert all(word.isalpha() for reading in found for word in reading.split())


def texts(keyword: Keyword) -> list[str]:
    return [sequence.spelling for sequence in token_sequences(keyword, TOKENIZER)]


def test_written_forms_come_after_what_was_typed() -> None:
    keyword = Keyword("mister", spellings=("MYSTER", "▁ M R"))
    assert texts(keyword) == ["mister", "MYSTER", "▁ M R"]  # MR is there already, as pieces
    assert texts(Keyword("snowboy", spellings=("SNOBOY",))) == ["snowboy", "SNOBOY", "SNOW BOY"]


def test_without_written_forms_only_the_spellings_count() -> None:
    assert texts(Keyword("mister", written_forms=False)) == ["mister"]
    assert texts(Keyword("mister", spellings=("MR",), written_forms=False)) == ["MR"]


def test_digits_that_the_vocabulary_lacks_are_no_error() -> None:
    assert texts(Keyword("channel 5")) == ["CHANNEL FIVE"]


@pytest.mark.parametrize(
    ("phrase", "said"),
    [
        ("hey_kitt", "HEY KITT"),
        ("lights (on)", "LIGHTS ON"),
        ("[alexa]", "ALEXA"),
        ("AC/DC", "AC DC"),
        ("1/2 speed", "ONE HALF SPEED"),
    ],
)
def test_signs_that_nobody_says_part_words_or_go(phrase: str, said: str) -> None:
    assert said in spellings(phrase)


def test_a_keyword_that_cannot_be_written_is_an_error_about_its_phrase() -> None:
    with pytest.raises(ValueError, match=r'^"ŻÓŁW" has "Ż"'):
        token_sequences(Keyword("ŻÓŁW"), TOKENIZER)


def test_a_text_belongs_to_the_keyword_that_was_typed_like_it() -> None:
    color, colour = all_token_sequences([Keyword("COLOR"), Keyword("COLOUR")], TOKENIZER)
    assert [sequence.spelling for sequence in color] == ["COLOR"]
    assert [sequence.spelling for sequence in colour] == ["COLOUR"]


def test_a_text_that_nobody_typed_belongs_to_the_first() -> None:
    first, second = all_token_sequences([Keyword("OKAY"), Keyword("O K")], TOKENIZER)
    assert [sequence.spelling for sequence in first] == ["OKAY", "OK"]
    assert [sequence.spelling for sequence in second] == ["O K"]


@pytest.mark.model
@pytest.mark.parametrize("phrase", ["MISTER", "SNOWBOY", "OKAY", "DOCTOR", "20", "1984", "WI-FI", "TV"])
def test_upstreams_vocabulary_can_write_the_forms(shared_model_dir: Path, phrase: str) -> None:
    assert len(token_sequences(Keyword(phrase), Tokenizer.load(shared_model_dir))) >= 1 + phrase.isalpha()
