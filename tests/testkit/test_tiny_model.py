"""The stand-in model must deserve its place: upstream's layout, clear hearing, and a state that matters."""

from pathlib import Path

import numpy as np
import pytest

from kwsd.acoustic.fbank import Fbank
from kwsd.acoustic.session import make_session
from testkit.tiny_model import FRAMES_ADVANCE, FRAMES_IN, TOKENS, Floats, build_tiny_model, cache_shapes, pieces, speak

PHRASES = ("LIGHTS ON", "TURN OFF THE LIGHTS", "VOLUME UP", "XYLOPHONE", "QUICKLY")


class Greedy:
    """The plainest decoder there is, straight on onnxruntime; `lose` names a state that is zeroed after every chunk."""

    def __init__(self, directory: Path, lose: str = "") -> None:
        sessions = [make_session(directory / f"{part}.onnx") for part in ("encoder", "decoder", "joiner")]
        self.encoder, self.decoder, self.joiner = sessions
        self.lose = lose

    def hear(self, samples: Floats) -> tuple[list[str], float]:
        """What was said, and the least posterior of what was chosen."""
        state = {name: np.zeros(_of_one(shape), np.float32) for name, shape in cache_shapes()}
        state["processed_lens"] = np.zeros(1, np.int64)
        tokens, surest = [-1, 0], 1.0
        for chunk in Fbank(FRAMES_IN, FRAMES_ADVANCE).accept(np.append(samples, np.zeros(16_000, np.float32))):
            frames, *renewed = self.encoder.run(None, {"x": chunk[None], **state})
            state = dict(zip(state, renewed, strict=True))
            if self.lose:
                state[self.lose] = np.zeros_like(state[self.lose])
            for frame in frames[0]:
                token, posterior = self._best(frame, tokens[-2:])
                surest = min(surest, posterior)
                tokens += [token] if token else []
        return [TOKENS[token] for token in tokens[2:]], surest

    def _best(self, frame: Floats, context: list[int]) -> tuple[int, float]:
        memory = self.decoder.run(None, {"y": np.array([context], np.int64)})[0]
        logit = self.joiner.run(None, {"encoder_out": frame[None], "decoder_out": memory})[0][0]
        posteriors = np.exp(logit - logit.max()) / np.exp(logit - logit.max()).sum()
        return int(posteriors.argmax()), float(posteriors.max())


def _of_one(shape: tuple[int | str, ...]) -> list[int]:
    return [1 if size == "N" else int(size) for size in shape]


def test_every_build_is_the_same(tiny_model_dir: Path, tmp_path: Path) -> None:
    again = build_tiny_model(tmp_path)
    for path in tiny_model_dir.iterdir():
        assert path.read_bytes() == (again / path.name).read_bytes(), path.name


@pytest.mark.parametrize("phrase", PHRASES)
@pytest.mark.parametrize(("amplitude", "noise"), [(0.2, 0.0), (0.02, 0.001), (0.2, 0.03), (0.45, 0.05)])
def test_it_hears_what_was_said(tiny_model_dir: Path, phrase: str, amplitude: float, noise: float) -> None:
    heard, _ = Greedy(tiny_model_dir).hear(speak(phrase, lead_s=0.33, amplitude=amplitude, noise=noise))
    assert heard == list(pieces(phrase))


def test_it_is_sure_in_quiet(tiny_model_dir: Path) -> None:
    _, surest = Greedy(tiny_model_dir).hear(speak("LIGHTS ON", lead_s=0.3))
    assert surest > 0.9


def test_silence_and_noise_say_nothing(tiny_model_dir: Path) -> None:
    assert Greedy(tiny_model_dir).hear(speak([], lead_s=3, noise=0.1))[0] == []


@pytest.mark.parametrize("lost", [*(name for name, _ in cache_shapes()), "processed_lens"])
def test_a_lost_state_shows(tiny_model_dir: Path, lost: str) -> None:
    """A phrase of 2 s cannot but have tones that straddle a chunk border."""
    heard, _ = Greedy(tiny_model_dir, lost).hear(speak("FOREVER AND A DAY", lead_s=0.3))
    assert heard != list(pieces("FOREVER AND A DAY"))


def test_a_repeated_piece_is_refused() -> None:
    with pytest.raises(ValueError, match="twice in a row"):
        speak(["A", "A"])


@pytest.mark.model
@pytest.mark.parametrize("part", ["encoder", "decoder", "joiner"])
def test_the_layout_is_upstreams(tiny_model_dir: Path, shared_model_dir: Path, part: str) -> None:
    """Names, order, types and ranks of all inputs and outputs, and the keys of the metadata."""
    upstream_file = {"encoder": "encoder.int8.fixed.onnx"}.get(part, f"{part}.onnx")
    tiny, upstream = (
        make_session(path) for path in (tiny_model_dir / f"{part}.onnx", shared_model_dir / upstream_file)
    )
    for mine, theirs in ((tiny.get_inputs(), upstream.get_inputs()), (tiny.get_outputs(), upstream.get_outputs())):
        assert [(one.name, one.type, len(one.shape)) for one in mine] == [
            (one.name, one.type, len(one.shape)) for one in theirs
        ]
    keys = set(tiny.get_modelmeta().custom_metadata_map)
    assert keys == set(upstream.get_modelmeta().custom_metadata_map) - {"onnx.infer", "onnx.quant.pre_process"}
