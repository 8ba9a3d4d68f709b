"""What a page is shown of the sound and the search: a picture, and how much of a keyword was heard so far."""

import base64
from pathlib import Path

import numpy as np
import pytest

from kwsd.acoustic.model import Model
from kwsd.daemon.spectrum import BANDS, Spectrograph
from kwsd.events import Held, Spectrum
from kwsd.spotters.phrases import PhraseSpotter
from kwsd.stream import Chunk
from kwsd.timebase import SAMPLE_RATE
from testkit.daemons import Plug, phrase, running
from testkit.tiny_model import silence, speak


def bands_of(picture: str) -> np.ndarray:
    """(columns, bands)."""
    return np.frombuffer(base64.b64decode(picture), np.uint8).reshape(-1, BANDS)


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 4000.0])
def test_a_tone_is_a_line_at_its_height(hertz: float) -> None:
    """1. A tone over several blocks: each column is brightest in one band, the same in all. 2. Silence is black."""
    spectrograph = Spectrograph()
    tone = 0.3 * np.sin(2 * np.pi * hertz * np.arange(3 * 5120) / SAMPLE_RATE).astype(np.float32)
    pictures = [bands_of(spectrograph.push(block)) for block in np.split(tone, 3)]
    assert all(picture.shape == (16, 40) for picture in pictures)
    brightest = np.concatenate(pictures[1:]).argmax(axis=1)
    mel = 1127 * np.log1p(np.array([20.0, hertz, 7600.0]) / 700)
    assert set(brightest) <= {round((mel[1] - mel[0]) / (mel[2] - mel[0]) * 40) + by for by in (-1, 0)}
    spectrograph.push(np.zeros(5120, np.float32))
    assert not bands_of(spectrograph.push(np.zeros(5120, np.float32))).any()


def test_a_keyword_fills_up_as_it_is_said(tiny_model_dir: Path) -> None:
    """1. LIGHT: half of LIGHT ON. 2. The rest of it: all of it. 3. A pause: nothing, and TURN OFF never was."""
    spotter = PhraseSpotter(Model(tiny_model_dir), ["LIGHT ON", "TURN OFF"])
    assert spotter.thresholds.keys() == {"LIGHT ON", "TURN OFF"}
    most: list[dict[str, float]] = []
    for part in (silence(0.5), speak("LIGHT"), speak("ON"), silence(4.0)):
        seen = {"LIGHT ON": 0.0}
        for start in range(0, len(part), 320):
            spotter.push(Chunk(spotter.position_samples, part[start : start + 320], ""))
            seen = {name: max(seen.get(name, 0.0), score) for name, score in (seen | spotter.held()).items()}
        most.append(seen)
    assert most[0] == {"LIGHT ON": 0.0}
    assert max(seen["LIGHT ON"] for seen in most) > 0.95
    assert any(0.3 < seen["LIGHT ON"] < 0.7 for seen in most)
    assert spotter.held() == {}
    assert not any("TURN OFF" in seen for seen in most)


def test_both_are_told_to_whoever_asks(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Subscribed to: pictures with levels come, and how much of a phrase was heard. 2. The thresholds are told."""
    plug = Plug(tmp_path)
    plug.plug_in()
    with running(tmp_path, tiny_model_dir) as daemon:
        client, _ = daemon.client()
        with client:
            client.ask(command="subscribe", types=[Held.type, Spectrum.type])
            told = client.read_until(Spectrum.type)
            assert (told["bands"], -90 < told["rms_db"] < told["peak_db"] < 0) == (40, True)
            plug.say(phrase("LIGHT ON"))
            while client.read_until(Held.type)["scores"].get("LIGHT ON", 0) < 0.9:
                pass
        assert set(daemon.ask(command="status")["data"]["thresholds"]) == {"LIGHT ON", "TURN OFF", "HEY LIGHT"}
