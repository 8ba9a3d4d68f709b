"""Sentences heard: alone and behind a wake word, accepted and rejected, by the command that a person types."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from kwsd.acoustic.model import Model
from kwsd.events import Detection, Event
from kwsd.intents import Intent
from kwsd.keywords.keyword import Keyword
from kwsd.sentences.compile import compile_sentences
from kwsd.sentences.files import read_sentence_file
from kwsd.sentences.settings import SentenceSettings
from kwsd.spotters.sentences import SentenceSpotter
from kwsd.stream import Chunk, Float32
from testkit.daemons import KWSD
from testkit.tiny_model import silence, speak, with_noise

SENTENCES = """\
intents:
  Light:
    data:
      - sentences: ["turn {state} the {place} light"]
        slots: {domain: light}
lists:
  state: {values: [{in: "on", out: true}, {in: "off", out: false}]}
  place: {values: [hall, attic]}
"""


@pytest.fixture
def sentences(tmp_path: Path) -> Path:
    path = tmp_path / "sentences.yaml"
    path.write_text(SENTENCES)
    return path


def spotter(model_dir: Path, path: Path, *keywords: str, quiet_gate: bool = False) -> SentenceSpotter:
    model = Model.load(model_dir)
    compiled = compile_sentences(read_sentence_file(path), model.tokenizer, model.description.language)
    return SentenceSpotter(model, keywords, sentences=compiled, intents=SentenceSettings(), quiet_gate=quiet_gate)


def heard(spotter: SentenceSpotter, sound: Float32, block: int = 5_120) -> list[Event]:
    chunks = (Chunk(at, sound[at : at + block], "") for at in range(0, len(sound), block))
    events = [event for chunk in chunks for event in spotter.push(chunk)]
    return [event for event in [*events, *spotter.finish()] if isinstance(event, Detection | Intent)]


ORDER = np.concatenate([silence(0.5), speak("TURN OFF THE ATTIC LIGHT"), silence(1.5)])


@pytest.mark.parametrize("block", [160, 5_120, 1_000_000])
def test_a_sentence_is_told_with_slots_and_times_however_sound_is_cut(
    tiny_model_dir: Path, sentences: Path, block: int
) -> None:
    (intent,) = heard(spotter(tiny_model_dir, sentences), ORDER, block)
    assert isinstance(intent, Intent)
    assert (intent.intent, intent.text, intent.rejected, intent.nearest) == (
        "Light",
        "turn off the attic light",
        False,
        None,
    )
    values = {slot.name: (slot.value, slot.text) for slot in intent.slots}
    assert values == {"state": (False, "off"), "place": ("attic", "attic"), "domain": ("light", "")}
    state, place, domain = intent.slots
    assert state.start is not None
    assert place.start is not None
    assert intent.start <= state.start < place.start < intent.end
    assert domain.start is None
    assert place.score is not None
    assert place.score > 0.9
    assert intent.score > 0.9
    assert intent.latency_ms > 700


def test_a_quiet_room_ends_no_sentence_and_delays_none(tiny_model_dir: Path, sentences: Path) -> None:
    """1. A quiet room. 2. A sentence with a pause of 0.7 s, without a keyword. Result: as where the gate is off."""
    words = [speak("TURN OFF"), silence(0.7), speak("THE ATTIC LIGHT")]
    sound = with_noise(np.concatenate([silence(9.0), *words, silence(3.0), ORDER, silence(2.0)]), 1e-4)
    gated = spotter(tiny_model_dir, sentences, quiet_gate=True)
    gated.replace(gated.compile([]))
    told, plain = (
        [
            (each.text, each.rejected, each.end, each.latency_ms)
            for each in heard(one, sound)
            if isinstance(each, Intent)
        ]
        for one in (gated, spotter(tiny_model_dir, sentences))
    )
    assert gated.quiet is not None
    assert gated.quiet.spared > 3
    assert [rejected for _, rejected, *_ in told] == [False, False]
    assert told == plain


def test_the_end_of_the_sound_ends_a_sentence(tiny_model_dir: Path, sentences: Path) -> None:
    (intent,) = heard(spotter(tiny_model_dir, sentences), ORDER[: -int(1.4 * 16_000)])
    assert isinstance(intent, Intent)
    assert not intent.rejected


def test_what_is_near_is_rejected_and_what_is_far_is_no_event(tiny_model_dir: Path, sentences: Path) -> None:
    """1. Words are missing at the end. 2. Something else is said. Result: the whole of the nearest; never accepted."""
    (intent,) = heard(spotter(tiny_model_dir, sentences), np.concatenate([speak("TURN OFF"), silence(3.0)]))
    assert isinstance(intent, Intent)
    assert intent.rejected
    assert intent.nearest == "turn off the hall light"
    others = heard(spotter(tiny_model_dir, sentences), np.concatenate([speak("HEY POLICE COME HERE"), silence(3.0)]))
    assert all(isinstance(event, Intent) and event.rejected for event in others)


def test_behind_a_wake_word_and_only_there(tiny_model_dir: Path, sentences: Path) -> None:
    """1. A sentence alone. 2. Wake word, sentence at once. 3. Long after: the sentence. Result: 2 alone counts."""
    wake = np.concatenate([speak("HEY LIGHT"), speak("TURN ON THE HALL LIGHT"), silence(1.5)])
    sound = np.concatenate([ORDER, wake, silence(9.0), ORDER])
    detection, intent = heard(spotter(tiny_model_dir, sentences, "hey light"), sound)
    assert isinstance(detection, Detection)
    assert isinstance(intent, Intent)
    assert intent.text == "turn on the hall light"
    assert not intent.rejected
    assert intent.start >= detection.end - 0.05


@pytest.mark.parametrize(("gap_s", "told"), [(0.5, [Detection, Intent]), (1.5, [Detection])])
def test_behind_a_mute_the_wake_word_is_wanted_again(
    tiny_model_dir: Path, sentences: Path, gap_s: float, told: list[type]
) -> None:
    """1. The wake word. 2. The sound stops, as it does at a mute. 3. The sentence. A drop-out costs nothing."""
    behind = spotter(tiny_model_dir, sentences, "hey light")
    wake = np.concatenate([silence(0.5), speak("HEY LIGHT"), silence(1.0)])
    events = [*behind.push(Chunk(0, wake, "")), *behind.push(Chunk(len(wake) + int(gap_s * 16_000), ORDER, ""))]
    assert [type(event) for event in [*events, *behind.finish()] if isinstance(event, Detection | Intent)] == told


def test_keywords_that_come_and_go_arm_the_sentences(tiny_model_dir: Path, sentences: Path) -> None:
    """1. Without a keyword a sentence is heard. 2. With one only behind it. 3. Without one again it is heard alone."""
    wake = np.concatenate([silence(0.5), speak("HEY LIGHT"), ORDER])
    hearing = spotter(tiny_model_dir, sentences)
    told: list[list[str]] = []
    for keywords, sound in ([], ORDER), (["hey light"], ORDER), (["hey light"], wake), ([], ORDER), ([], ORDER):
        if [each.phrase for each in hearing.keywords] != keywords:
            hearing.replace(hearing.compile(Keyword.of(keywords)))
        chunk = Chunk(hearing.position_samples, np.concatenate([sound, silence(9.0)]), "")
        told.append([each.type for each in hearing.push(chunk) if isinstance(each, Detection | Intent)])
    assert told == [["intent"], [], ["detection", "intent"], ["intent"], ["intent"]]


def test_others_may_be_said_once_the_one_that_is_being_said_is_over(tiny_model_dir: Path, sentences: Path) -> None:
    """1. In the middle of a sentence the file is read again. 2. The sentence again. Result: each as it was armed."""
    hearing, middle = spotter(tiny_model_dir, sentences), int(0.9 * 16_000)
    told = hearing.push(Chunk(0, ORDER[:middle], ""))
    sentences.write_text(SENTENCES.replace("Light:", "Lamp:"))
    hearing.sentences.replace(hearing.sentences.compiled.again())
    told += hearing.push(Chunk(middle, ORDER[middle:], ""))
    told += hearing.push(Chunk(len(ORDER), ORDER, ""))
    assert [event.intent for event in told if isinstance(event, Intent)] == ["Light", "Lamp"]
    hearing.reset()
    assert [event.intent for event in hearing.push(Chunk(0, ORDER, "")) if isinstance(event, Intent)] == ["Lamp"]


def test_what_was_said_while_a_longer_keyword_might_still_come_counts(tiny_model_dir: Path, sentences: Path) -> None:
    """1. A sentence that begins as a longer keyword goes on, so that the wake word is told late. Result: all of it."""
    sound = np.concatenate([silence(0.5), speak("HEY LIGHT"), speak("TURN ON THE HALL LIGHT"), silence(1.5)])
    told = heard(spotter(tiny_model_dir, sentences, "hey light", "hey light turn on the light"), sound)
    detection, intent = told
    assert isinstance(detection, Detection)
    assert detection.latency_ms > 800
    assert isinstance(intent, Intent)
    assert (intent.text, intent.rejected) == ("turn on the hall light", False)


def test_the_command_hears_sentences_alone_and_with_keywords(
    tmp_path: Path, tiny_model_dir: Path, sentences: Path
) -> None:
    """1. --sentences with --json. 2. As text, with one that cannot be used. 3. With --keywords. 4. All of it broken."""
    soundfile.write(tmp_path / "order.wav", ORDER, 16_000)
    (tmp_path / "k.txt").write_text("hey light\n")

    def kwsd(*words: object) -> "subprocess.CompletedProcess[str]":
        base = [str(Path(sys.executable).with_name("kwsd")), "--model", str(tiny_model_dir), "--sentences"]
        given = [*base, str(sentences), "--input", str(tmp_path / "order.wav"), *map(str, words)]
        return subprocess.run(given, capture_output=True, text=True, check=False)

    told = json.loads(kwsd("--json").stdout)
    assert (told["type"], told["intent"], told["rejected"]) == ("intent", "Light", False)
    assert [slot["value"] for slot in told["slots"]] == [False, "attic", "light"]
    sentences.write_text(SENTENCES.replace("sentences: [", 'sentences: ["turn {nope}", '))
    done = kwsd()
    assert done.stdout.split()[2:] == ["Light", "state=False", "place=attic", "domain=light", told_score(done.stdout)]
    assert "sentences.yaml:4: there is no list {nope}" in done.stderr
    assert kwsd("--keywords", tmp_path / "k.txt").stdout == ""
    assert "the fixed words alone hear no sentences" in kwsd("--fallback", "only").stderr
    sentences.write_text("intents: {}")
    done = kwsd()
    assert (done.returncode, done.stdout) == (78, "")
    assert "has no usable sentence" in done.stderr


@pytest.mark.parametrize("value", ["2020-01-01", ".nan", "-.inf", "[1, 2]", "{a: b}", "!!binary aGk="])
def test_a_value_that_no_event_can_have_is_told_and_the_rest_is_heard(
    tmp_path: Path, tiny_model_dir: Path, sentences: Path, value: str
) -> None:
    """1. It stands in a list, and among the slots. Result: both lines are named; the sentence is heard without them."""
    broken = SENTENCES.replace("{domain: light}", f"{{domain: light, since: {value}}}")
    sentences.write_text(broken.replace("[hall, attic]", f"[hall, {{in: cellar, out: {value}}}, attic]"))
    soundfile.write(tmp_path / "order.wav", ORDER, 16_000)
    command = [KWSD, "--model", str(tiny_model_dir), "--sentences", str(sentences), "--input", "order.wav", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)
    assert {slot["name"]: slot["value"] for slot in told["slots"]} == {
        "state": False,
        "place": "attic",
        "domain": "light",
    }
    assert "sentences.yaml:5: slots: since:" in done.stderr
    assert "sentences.yaml:8: list {place}:" in done.stderr
    assert done.returncode == 0
    sentences.write_text(SENTENCES.replace("attic]", f"{{in: attic, out: {value}}}]"))
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "internal error" not in done.stderr
    json.loads(done.stdout or "null", parse_constant=pytest.fail)


def told_score(line: str) -> str:
    """The last column."""
    assert float(line.rsplit(maxsplit=1)[-1]) > 0.9
    return line.rsplit(maxsplit=1)[-1]
