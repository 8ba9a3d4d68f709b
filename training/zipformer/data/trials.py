"""What a model is measured on: recordings with the phrases that are said in them. Dev material only.

Nothing here is trained on: dev speakers, speakers of Speech Commands' test list, wake words, held-out voices; and, as
further negatives, untranscribed speech that no machine has labelled either.
"""

import math
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import soundfile

from measure import manifests, streams
from measure.scoring import Label
from training.zipformer.data.labels import TEACHER_LABELS, all_labels, read_labels
from training.zipformer.data.synthesis import HELD_OUT, RATE, Voice, speak

Item = TypeVar("Item")
Samples = npt.NDArray[np.float32]

WORDS = (
    *("WHICH", "LITTLE", "BEFORE", "GREAT", "LIGHT", "YOUNG"),
    *("THROUGH", "WORLD", "ALWAYS", "PEOPLE", "THOUGHT", "MISTER"),
)
"""The twelve keywords of upstream's model card."""
WAKE_WORDS = ("ALEXA", "JARVIS", "SNOWBOY")
COMMANDS = ("YES", "NO", "UP", "DOWN", "LEFT", "RIGHT", "ON", "OFF", "STOP", "GO")
SMALL_COMMANDS = Path("keywords") / "commands_small.txt"
LARGE_COMMANDS = Path("keywords") / "commands_large.txt"
WAKE_LIKE = ("HEY JARVIS", "COMPUTER", "HEY MYCROFT", "OKAY NABU", "BUMBLEBEE")
"""What people call machines, besides the wake words that there are recordings of."""
MARGIN_S = 0.5
"""Near-silence around isolated phrases."""
NOISE_DB = 10.0
QUIET_SHARE = 4  # negatives per clip where a limit is set: rare false alarms need hours
OTHER_SPEECH = 2800
"""Recordings of other speech, in which next to nothing that is listened for is said: 3.75 h."""


@dataclass(frozen=True)
class Trial:
    """One recording and what is said in it."""

    read: Callable[[], Samples]
    """Gives the sound, 16 kHz."""
    labels: tuple[Label, ...]
    """The phrases looked for that are said, each as often as it is; none for a negative."""


@dataclass(frozen=True)
class Row:
    """One line of the table: what is listened for, and in what."""

    phrases: tuple[str, ...]
    trials: tuple[Trial, ...]


def words(shared: Path, limit: int, folder: Path) -> Row:
    """Give the twelve keywords in LibriSpeech utterances of dev speakers, and utterances without any."""
    del folder
    rows = [row for row in _speech(shared, "dev") if row["corpus"].startswith("librispeech")]
    trials = (
        Trial(
            partial(_read, shared / "speech" / row["path"]),
            somewhere(word for word in row["transcript"].split() if word in WORDS),
        )
        for row in rows[: limit or None]
    )
    return Row(WORDS, tuple(trials))


def wake_words(shared: Path, limit: int, folder: Path, phrases: tuple[str, ...] = WAKE_WORDS) -> Row:
    """Give the engine benchmark's stream of wake words, then other speech; `phrases` are what is listened for."""
    del folder
    draw = random.Random(0)  # recipe and seed are those of measure.streams.build_wakewords
    rows = manifests.read(shared / "wakewords" / "manifest.tsv")
    draw.shuffle(rows)
    clips = ((_read(shared / "wakewords" / row["path"]), row["phrase"]) for row in rows[: limit or None])
    parts, labels = streams.lay(clips, draw)
    stream = _on_floor(np.concatenate([*parts, np.zeros(int(streams.TAIL_S * RATE), np.float32)]))
    return Row(phrases, (Trial(lambda: stream, tuple(labels)), *_heard(shared, QUIET_SHARE * limit, phrases)))


def alarms(phrases: Callable[[Path], tuple[str, ...]], shared: Path, limit: int, folder: Path) -> Row:
    """Give a list, and other speech as in `among_others`."""
    del folder
    return among_others(phrases(shared), shared, limit)


def among_others(phrases: tuple[str, ...], shared: Path, limit: int) -> Row:
    """Give other speech: whatever is heard of the phrases is false, but for what somebody says there in passing."""
    return Row(phrases, _heard(shared, limit, phrases))


def wake_phrases(shared: Path) -> tuple[str, ...]:
    """Give eight ways to call a machine."""
    del shared
    return (*WAKE_WORDS, *WAKE_LIKE)


def listed(file: Path, shared: Path) -> tuple[str, ...]:
    """Give the phrases of a keyword list of one phrase a line."""
    return tuple(filter(None, map(str.strip, (shared / file).read_text(encoding="utf-8").splitlines())))


def commands(shared: Path, limit: int, folder: Path) -> Row:
    """Give ten command words of Speech Commands, and its other words and noises as negatives."""
    del folder
    clips = shared / "speech_commands" / "test_a"
    trials = (
        Trial(partial(read_alone, clips / row["path"]), somewhere({row["class"].upper()} & set(COMMANDS)))
        for row in sample(manifests.read(clips / "manifest.tsv"), limit)
    )
    return Row(COMMANDS, tuple(trials))


def spoken_phrases(shared: Path, limit: int, folder: Path) -> Row:
    """Give the small command list, spoken by voices that are never trained on, in noise at 10 dB."""
    phrases = listed(SMALL_COMMANDS, shared)
    noises = [row["path"] for row in manifests.read(shared / "noise" / "manifest.tsv") if float(row["seconds"]) > 4.0]
    choose = random.Random(0)
    trials = []
    for phrase, voice in sample([(phrase, label) for label in HELD_OUT for phrase in phrases], limit):
        noise = shared / "noise" / choose.choice(noises)
        trials.append(Trial(partial(_spoken_in_noise, phrase, voice, folder, noise), somewhere([phrase])))
    return Row(phrases, tuple(trials))


ROWS: dict[str, Callable[[Path, int, Path], Row]] = {
    "words": words,
    "wakewords": wake_words,
    "commands": commands,
    "phrases": spoken_phrases,
}
"""Name → a function of the shared folder, the most trials of a kind (0 for all) and a folder to keep files in."""

ALARM_ROWS: dict[str, Callable[[Path, int, Path], Row]] = {
    "alarms-wake": partial(alarms, wake_phrases),
    "alarms-small": partial(alarms, partial(listed, SMALL_COMMANDS)),
    "alarms-large": partial(alarms, partial(listed, LARGE_COMMANDS)),
}
"""The same for false alarms alone, all three in the same hours of speech."""


def _speech(shared: Path, split: str) -> list[dict[str, str]]:
    return [row for row in manifests.read(shared / "speech" / "manifest.tsv") if row["split"] == split]


def _never_trained_on(shared: Path) -> list[dict[str, str]]:
    """Untranscribed speech without what teachers are sure of; what else is trained on is not in `other_speech`."""
    table = shared / "speech" / TEACHER_LABELS
    labelled = read_labels(table) if table.exists() else {}
    return [row for row in _speech(shared, "train") if not row["transcript"] and Path(row["path"]).name not in labelled]


def other_speech(shared: Path, count: int = OTHER_SPEECH) -> list[Path]:
    """So many recordings of dev speakers, and of speech that nobody has transcribed: never trained on."""
    speech = [*_speech(shared, "dev"), *_never_trained_on(shared)]
    return [shared / "speech" / row["path"] for row in sample(speech, OTHER_SPEECH)[:count]]


def _heard(shared: Path, count: int, phrases: Sequence[str]) -> tuple[Trial, ...]:
    """The same to listen to, 0 for all; what is said of the phrases, as far as people or machines have written it."""
    table = shared / "speech" / TEACHER_LABELS
    written = all_labels(table) if table.exists() else {}
    rows = manifests.read(shared / "speech" / "manifest.tsv")
    written |= {Path(row["path"]).name: row["transcript"] for row in rows if row["transcript"]}
    return tuple(
        Trial(partial(_read, path), said_in(written.get(path.name, ""), phrases))
        for path in other_speech(shared, count or OTHER_SPEECH)
    )


def said_in(text: str, phrases: Iterable[str]) -> tuple[Label, ...]:
    """Give each of the phrases as often as a text has it, as whole words."""
    spaced = f" {text} "
    return somewhere(phrase for phrase in phrases for _ in range(spaced.count(f" {phrase} ")))


def somewhere(phrases: Iterable[str]) -> tuple[Label, ...]:
    """Said, nobody knows where in the recording."""
    return tuple(Label(0.0, math.inf, phrase) for phrase in phrases)


def _read(path: Path) -> Samples:
    samples, _ = soundfile.read(path, dtype="float32")
    clipped: Samples = np.clip(samples, -1.0, 1.0)
    return clipped


def read_alone(path: Path) -> Samples:
    """Give what a file holds, between near-silence."""
    return between_silence(_read(path))


def between_silence(samples: Samples) -> Samples:
    """Give a recording half a second of near-silence around it."""
    margin = np.zeros(int(MARGIN_S * RATE), np.float32)
    return _on_floor(np.concatenate([margin, samples, margin]))


def _on_floor(samples: Samples) -> Samples:
    return samples + streams.floor(len(samples), seed=0)


def spoken(text: str, voice: str, folder: Path) -> Path:
    """Have a text spoken, once for all models, and give its file."""
    kept = folder / "spoken" / voice.replace("/", "-") / f"{text}.wav"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(kept, speak(text, Voice.from_label(voice), kept.with_suffix(".part.wav")), RATE)
    return kept


def _spoken_in_noise(phrase: str, voice: str, folder: Path, noise: Path) -> Samples:
    return _mix(read_alone(spoken(phrase, voice, folder)), _read(noise))


def _mix(speech: Samples, noise: Samples) -> Samples:
    repeated = np.resize(noise, len(speech))
    ratio = np.sqrt(np.mean(speech**2)) / max(1e-6, float(np.sqrt(np.mean(repeated**2))))
    mixed: Samples = (speech + repeated * ratio * 10 ** (-NOISE_DB / 20)).astype(np.float32)
    return mixed.clip(-1.0, 1.0)


def sample(items: list[Item], limit: int) -> list[Item]:
    """Draw so many, always the same; 0 gives all in their order."""
    return random.Random(0).sample(items, min(limit, len(items))) if limit else items
