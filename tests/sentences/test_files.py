"""sentences.yaml: what is meant, and every mistake with file, line and what to change, while the rest stays armed."""

import sys
import time
from pathlib import Path

import pytest

from kwsd.acoustic.model import load_tokenizer
from kwsd.errors import ConfigError, SentenceFileError
from kwsd.models.directory import find_model_directory
from kwsd.sentences.compile import CompiledSentences, compile_sentences
from kwsd.sentences.files import read_sentence_file
from kwsd.sentences.graph import Place, SentenceGraph, SentenceReading
from kwsd.spotters.sentences import spans_of

TOKENIZER = load_tokenizer(find_model_directory("kwsd-en"))
GOOD = """\
language: en
intents:
  Light:
    data:
      - sentences:
          - "<turn> (on|off) [the] {name} light[s]"
          - "set [the] {name} to {0..100:brightness}[%| percent]"
        slots: {domain: light}
  Open:
    data:
      - sentences: ["open (the door;now;please)"]
lists:
  name:
    values: [kitchen, {in: "(bed|sleeping) room", out: bedroom}, "40"]
expansion_rules:
  turn: "(turn|switch)"
"""


def compiled(tmp_path: Path, text: str, language: str = "en") -> CompiledSentences:
    path = tmp_path / "sentences.yaml"
    path.write_text(text, encoding="utf-8")
    return compile_sentences(read_sentence_file(path), TOKENIZER, language)


def walk(graph: SentenceGraph, text: str) -> tuple[Place, SentenceReading | None]:
    """Where a text leads, said word by word."""
    place, tokens = graph.root, [token for word in text.split() for token in next(TOKENIZER.encodings(word))]
    for token in tokens:
        assert token in place.tokens, f"{text}: not beyond {TOKENIZER.pieces(tokens)}"
        place = graph.step(place, token)
    return place, graph.read(tokens)


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("turn on the kitchen lights", {"name": "kitchen"}),
        ("switch off sleeping room light", {"name": "bedroom"}),
        ("set bed room to twenty five percent", {"name": "bedroom", "brightness": 25}),
        ("set the kitchen to zero", {"name": "kitchen", "brightness": 0}),
        ("set forty to one hundred", {"name": "40", "brightness": 100}),
        ("open now the door please", {}),
        ("open please now the door", {}),
    ],
)
def test_sentences_are_understood(tmp_path: Path, text: str, slots: dict[str, object]) -> None:
    place, reading = walk(compiled(tmp_path, GOOD).graph(), text)
    assert place.final
    assert reading is not None
    assert not reading.missing
    assert {name: value for name, (value, _, _) in spans_of(reading).items()} == slots


def test_what_is_no_sentence_leads_nowhere_and_a_beginning_is_completed(tmp_path: Path) -> None:
    graph = compiled(tmp_path, GOOD).graph()
    place, reading = walk(graph, "turn on the")
    assert not place.final
    assert reading is not None
    assert reading.missing[0] in {"kitchen", "bed", "sleeping", "forty", "40"}
    with pytest.raises(AssertionError, match="not beyond"):
        walk(graph, "open the window")
    with pytest.raises(AssertionError, match="not beyond"):
        walk(graph, "open now now please")


@pytest.mark.parametrize(
    ("sentence", "line", "why"),
    [
        ("turn {nope} on", 5, "there is no list {nope}"),
        ("turn <nope> on", 5, "there is no rule <nope>"),
        ("turn <loop> on", 17, "<loop> → <pool> → <loop> goes on for ever"),
        ("turn {own} on", 10, "list {own} stands in its own values"),
        ("turn ] on", 5, "a bracket is not opened, or not closed"),
        ("turn {empty} on", 8, "list {empty} is empty; write `values:`"),
        ("say {any}", 9, "list {any} is a wildcard"),
        ("dim to {100..0:level}", 5, "100..0"),
        ("dim to {0..10}", 5, "write {0..10:brightness}"),
        ("turn (on", 5, "cannot be parsed"),
        ("turn 日本 on", 5, "日"),
        ("[turn on]", 5, "without a word"),
        ("{0..999:a} {0..999:b} {0..999:c} {0..999:d}", 5, "1e+12 sentences, and 1e+09 are the most; take out"),
        ("(a;b;c;d;e;f;g;h)", 5, "8 parts in any order"),
        ("<r60>", 5, "1e+18 sentences or more"),
        ("a" * 5000, 5, "5000 letters in a row"),
        ("say {text}", 11, "`values:` is no list; write each value behind `- `"),
        ("say {both}", 13, "has `values:` and `range:`; take one of them out"),
        ("dim to {0..10,0:brightness}", 5, "0..10 with steps of 0; write a step of 1 or more"),
        ("dim to {10..0:brightness}", 5, "10..0 has no number in it; write the lower one first"),
        ("dim to {still}", 14, "0..10 with steps of 0; write a step of 1 or more"),
        ("say {long}", 12, "write `from:` and `to:`"),
        ("", 5, "a sentence is text"),
    ],
)
def test_mistakes_are_named_with_line_and_remedy_and_the_rest_stays(
    tmp_path: Path, sentence: str, line: int, why: str
) -> None:
    text = f"""\
intents:
  Some:
    data:
      - sentences:
          - "{sentence}"
          - "lights on"
lists:
  empty: {{values: []}}
  any: {{wildcard: true}}
  own: {{values: ["x {{own}}"]}}
  text: {{values: kitchen}}
  long: {{range: {{from: 10}}}}
  both: {{values: [ten], range: {{from: 1, to: 9}}}}
  still: {{range: {{from: 0, to: 10, step: 0}}}}
expansion_rules:
  loop: "a <pool>"
  pool: "b <loop>"
  r0: "(a|b)"
""" + "".join(f'  r{number}: "<r{number - 1}> <r{number - 1}>"\n' for number in range(1, 61))
    found = compiled(tmp_path, text)
    (problem,) = found.listed.problems
    assert why in str(problem)
    assert f"sentences.yaml:{line}: " in str(problem)
    assert walk(found.graph(), "lights on")[0].final


BELOW = """\
intents:
  Some:
    data:
      - sentences: ["turn {name} on"]
      - sentences: ["lights on"]
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BELOW + "lists: [name]", [(6, "lists: is not `name: …`"), (4, "there is no list {name}")]),
        (BELOW + "expansion_rules: 3", [(6, "expansion_rules: is not"), (4, "there is no list {name}")]),
        (BELOW.replace("      - sent", "      - 3\n      - sent", 1) + "lists: {name: {values: [a]}}", [(4, "Some")]),
        (BELOW + "lists:\n  name: {values: [kitchen]}\n  name: {values: [bath]}", [(8, "name stands twice")]),
        (BELOW + "lists:\n  name:\n    values:\n      - on\n      - kitchen", [(9, "True is no text to YAML")]),
        (BELOW + "lists:\n  name:\n    values:\n      - kitchen\n      - 日本", [(10, "日")]),
        (BELOW + "lists:\n  name:\n    values:\n      - 日本", [(9, "日")]),
        (BELOW + "lists: {name: {values: [a]}}\nskip_words: [please, 日本]", [(7, "日")]),
        (BELOW + "lists: {name: {values: [a]}}\nskip_words: please", [(7, "skip_words: is no list")]),
        (BELOW + "lists: {name: {values: [a]}}\nskip_words: [3]", [(7, "skip_words: one of them is no text")]),
        (BELOW + "lists: {name: {values: &v [a, *v]}}", [(6, "is no text to YAML")]),
        ("intents:\n  A: 3\n" + BELOW.partition("\n")[2] + "lists: {name: {values: [a]}}", [(2, "A: write `data:`")]),
    ],
)
def test_what_is_wrong_around_sentences_is_told_and_the_rest_stays(
    tmp_path: Path, text: str, told: list[tuple[int, str]]
) -> None:
    found = compiled(tmp_path, text)
    assert len(found.listed.problems) == len(told)
    for problem, (line, why) in zip(found.listed.problems, told, strict=True):
        assert f"sentences.yaml:{line}: " in str(problem)
        assert why in str(problem)
    assert walk(found.graph(), "lights on")[0].final


@pytest.mark.parametrize(
    ("written", "heard", "why"),
    [
        ("de", "en", "language: de: the model hears en"),
        ("de-CH", "en", 'language = "de-CH" in its model.toml'),
        ("en", "de", "language: en: the model hears de"),
        ("no", "en", "language: False is no text to YAML; quote it"),  # Norwegian
        ("3", "en", "language: 3 is no text to YAML; quote it"),
    ],
)
def test_another_language_than_the_model_hears_is_told_with_its_line(
    tmp_path: Path, written: str, heard: str, why: str
) -> None:
    """1. Sentences of Home Assistant's in German. Result: they are taken, and told of as read in English."""
    found = compiled(tmp_path, GOOD.replace("language: en", f"# ours\nlanguage: {written}"), heard)
    (problem,) = found.listed.problems
    assert "sentences.yaml:2: " in str(problem)
    assert why in str(problem)
    assert walk(found.graph(), "turn on the kitchen lights")[0].final
    assert found.again().listed.problems == (problem,)


@pytest.mark.parametrize(
    ("written", "heard"), [("en", "en"), ("en-GB", "en"), ("EN_us", "en"), ("", "en"), ("de", "de-AT")]
)
def test_a_languages_own_kinds_are_that_language(tmp_path: Path, written: str, heard: str) -> None:
    assert not compiled(tmp_path, GOOD.replace("language: en", f"language: {written}"), heard).listed.problems


def test_a_list_loses_what_cannot_be_said_and_keeps_the_rest(tmp_path: Path) -> None:
    graph = compiled(tmp_path, BELOW + "lists: {name: {values: [kitchen, 日本, on, bath, [x]]}}").graph()
    for value in ("kitchen", "bath"):
        place, reading = walk(graph, f"turn {value} on")
        assert place.final
        assert reading is not None
        assert spans_of(reading)["name"][0] == value


def test_several_skip_words_may_stand_together(tmp_path: Path) -> None:
    graph = compiled(tmp_path, GOOD + "skip_words: [can you, please]").graph()
    assert walk(graph, "can you turn on the kitchen lights please")[0].final


def test_lists_that_yaml_nests_without_end_are_refused_at_once(tmp_path: Path) -> None:
    text = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 11))
    began_s = time.process_time()
    (problem,) = compiled(tmp_path, text + BELOW + "lists: {name: {values: *a10}}").listed.problems
    assert len(str(problem)) < 300
    assert time.process_time() - began_s < 5


@pytest.mark.parametrize(
    "text", ["", "- a", "a: [", "intents: {A: {data: [{sentences: []}]}}", "intents: {A: 3}", "\x00"]
)
def test_a_file_without_sentences_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SentenceFileError, match=r"sentences\.yaml"):
        compiled(tmp_path, text)
    with pytest.raises(SentenceFileError, match="cannot be read"):
        read_sentence_file(tmp_path / "missing.yaml")


def test_what_is_wrong_with_the_only_sentence_is_all_that_is_told(tmp_path: Path) -> None:
    """Nobody who has written a template is told to write one."""
    with pytest.raises(SentenceFileError, match="there is no list") as refused:
        compiled(tmp_path, 'intents: {A: {data: [{sentences: ["turn {nam}"]}]}}')
    assert "write `intents:`" not in str(refused.value)
    with pytest.raises(SentenceFileError, match="write `intents:`"):
        compiled(tmp_path, "intents: {}")


@pytest.mark.parametrize("library", ["yaml", "hassil"])
def test_without_its_library_it_is_a_wrong_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    """So that systemd does not start a daemon again and again that can never begin."""
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConfigError, match=r"pip install 'kwsd\[sentences\]'"):
        compiled(tmp_path, GOOD)


def test_a_million_sentences_are_compiled_in_seconds_and_take_no_more_places(tmp_path: Path) -> None:
    """1. 10^4 and 10^6 sentences of one shape, and one range of a million numbers. 2. Walk them.

    Result: within 5 s of processor time, and a walk makes as many places in both.
    """
    places = []
    for top in (99, 999):
        began_s = time.process_time()
        text = f'intents: {{Add: {{data: [{{sentences: ["add {{0..{top}:a}} and {{0..{top}:b}}"]}}]}}}}'
        graph = compiled(tmp_path, text).graph()
        place, reading = walk(graph, "add ninety nine and forty two")
        assert time.process_time() - began_s < 5
        assert place.final
        assert reading is not None
        assert {name: value for name, (value, _, _) in spans_of(reading).items()} == {"a": 99, "b": 42}
        places.append(len(graph._places))
    assert places[1] <= places[0] + 2
    text = 'intents: {Count: {data: [{sentences: ["count to {0..999999:n}"]}]}}'
    _, reading = walk(compiled(tmp_path, text).graph(), "count to two hundred thousand and five")
    assert reading is not None
    _, reading = walk(compiled(tmp_path, text).graph(), "count to twelve thousand three hundred forty five")
    assert reading is not None
    assert spans_of(reading)["n"][0] == 12_345
