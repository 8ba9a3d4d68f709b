"""Teaching a keyword from the page: takes of either microphone, what they lead to, and that it is heard then."""

import io
import os
import signal
import time
import wave
from pathlib import Path
from threading import Timer

import numpy as np
import pytest

from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE
from testkit.daemons import Plug, running
from testkit.tiny_model import speak, with_noise
from testkit.web import WebProcess, serving_page

pytest.importorskip("tomlkit")

SAID = "HEY TURN OFF"
TABLES = '# mine\n[[keyword]]\nphrase = "LIGHT ON"\n'


def recording(sound: Float32, rate: int = SAMPLE_RATE) -> bytes:
    """As a page sends a take."""
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())
    return written.getvalue()


def saying(seed: int) -> Float32:
    """Somebody says it, in a room."""
    return with_noise(speak(SAID, lead_s=0.6, tail_s=0.8), rms=3e-4, seed=seed)


def test_three_takes_are_learned_and_heard(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A lesson begins; nothing can be learned yet. 2. A take that is no WAV, or of another rate: refused; a silent one:
    the reason. 3. Two takes of the page's microphone, one of the daemon's: good. 4. The room is listened to.
    5. Learned; changed by another meanwhile: not written over. 6. Written, the comment kept: what was said is heard.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    file = tmp_path / "keywords.toml"
    file.write_text(TABLES)
    with (
        running(tmp_path, tiny_model_dir, "--clips", "--keywords", str(file)) as daemon,
        serving_page(tmp_path, "--model", tiny_model_dir, socket=daemon.socket_path) as web,
        web.page() as page,
    ):
        page.status_with("listening")
        assert web.ask("/api/teach/learn", {}).status == 409
        assert web.ask("/api/teach/begin", {"name": "LIGHTS OUT"}).json["fewest"] == 3
        assert "3 takes are needed" in web.ask("/api/teach/learn", {}).json["error"]
        for wrong in (b"RIFF", recording(saying(0), 48_000)):
            assert web.ask("/api/teach/take", body=wrong, Content_Type="audio/wav").status == 409
        silent = web.ask("/api/teach/take", body=recording(np.zeros(32_000, np.float32)), Content_Type="audio/wav")
        assert "too quiet" in silent.json["refused"]
        for seed in (1, 2):
            taken = web.ask("/api/teach/take", body=recording(saying(seed)), Content_Type="audio/wav").json
            assert (taken["number"], taken["refused"]) == (seed, None)
        Timer(0.7, plug.say, [saying(3)]).start()
        assert web.ask("/api/teach/listen", {}).json["refused"] is None

        assert web.ask("/api/teach/room").json == {"hours": 0.0, "left_s": 0.0, "fault": None}
        assert web.ask("/api/teach/room", {"minutes": 1}).json["left_s"] > 50
        while_gathering = web.ask("/api/teach/take", body=recording(saying(5)), Content_Type="audio/wav")
        assert (while_gathering.status, "stop that first" in while_gathering.json["error"]) == (409, True)
        ended = web.ask("/api/teach/room", {"minutes": 0}).json
        assert (ended["hours"] > 0.0, ended["left_s"], ended["fault"]) == (True, 0.0, None)
        found = web.ask("/api/teach/learn", {}).json
        assert (found["before"], found["after"], len(found["spellings"])) == (0, 3, 1)
        assert found["hours"] == ended["hours"]
        assert web.ask("/api/teach/learn").json["share"] == pytest.approx(1.0)
        file.write_text(TABLES + '[[keyword]]\nphrase = "Lights out"\n')
        changed = web.ask("/api/teach/keep", {})
        assert (changed.status, "was changed meanwhile" in changed.json["error"]) == (409, True)
        file.write_text(TABLES)
        kept = web.ask("/api/teach/keep", {})
        assert kept.json["keywords"] == ["LIGHT ON", "LIGHTS OUT"]
        assert file.read_text().startswith(TABLES)
        plug.say(saying(4))
        assert page.read_until("detection", keyword="LIGHTS OUT")["score"] > 0.9


def test_a_room_that_is_no_longer_heard_is_said(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. The room is listened to; the daemon ends. The page is told so, keeps what came, and says no more that it listens.
    """
    with (
        Plug(tmp_path),
        running(tmp_path, tiny_model_dir) as daemon,
        serving_page(tmp_path, "--model", tiny_model_dir, socket=daemon.socket_path) as web,
    ):
        assert web.ask("/api/teach/room", {"minutes": 10}).json["left_s"] > 50
        time.sleep(3)
        assert web.ask("/api/teach/room").json["left_s"] < 599
        daemon.signal(signal.SIGTERM)
        daemon.wait()
        time.sleep(2)
        told = web.ask("/api/teach/room").json
        assert (told["hours"] > 0, told["left_s"]) == (True, 0.0)
        assert "has ended" in told["fault"]


def test_takes_outlive_the_page_and_its_program(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Two takes; kwsd-web is killed. 2. Another one knows of no lesson; the same begun again has both takes, private on
    disk. 3. Begun anew: none, and nothing on disk. 4. Three takes, another lesson in between, killed again: learned
    from all three and written; no sound stays behind. 5. Takes of another keyword are deleted after an hour.
    """
    file = tmp_path / "keywords.toml"
    file.write_text(TABLES)
    arguments = ("--model", tiny_model_dir, "--keywords", file)

    def sounds() -> list[Path]:
        return sorted((tmp_path / "state").rglob("*.wav"))

    def takes(web: WebProcess, *seeds: int) -> list[int]:
        sent = (web.ask("/api/teach/take", body=recording(saying(seed)), Content_Type="audio/wav") for seed in seeds)
        return [answer.json["number"] for answer in sent]

    def begun(web: WebProcess, name: str = "LIGHTS OUT", **more: bool) -> list[int]:
        return [take["number"] for take in web.ask("/api/teach/begin", {"name": name, **more}).json["takes"]]

    with serving_page(tmp_path, *arguments, socket=tmp_path / "s") as web:
        assert begun(web) == []
        assert takes(web, 1, 2) == [1, 2]
        web.process.kill()
    with serving_page(tmp_path, *arguments, socket=tmp_path / "s") as web:
        assert "takes of the last hour are there again" in web.ask("/api/teach/learn", {}).json["error"]
        assert begun(web) == [1, 2]
        assert {path.stat().st_mode & 0o077 for path in (*sounds(), sounds()[0].parent)} == {0}
        assert (begun(web, anew=True), sounds()) == ([], [])
        assert takes(web, 1, 2, 3) == [1, 2, 3]
        assert begun(web, "ANOTHER") == []
        assert takes(web, 4) == [1]
        web.process.kill()
    os.utime(max(sounds(), key=lambda path: path.name), (0, 0))
    with serving_page(tmp_path, *arguments, socket=tmp_path / "s") as web:
        assert begun(web) == [1, 2, 3]
        assert len(sounds()) == 3
        assert web.ask("/api/teach/learn", {}).json["takes"] == 3
        web.ask("/api/teach/keep", {})
        assert "LIGHTS OUT" in file.read_text()
        assert sounds() == []


def test_a_new_keyword_that_is_heard_as_it_is_spelt_is_added(tmp_path: Path, tiny_model_dir: Path) -> None:
    """1. Nothing is worth changing about it, but the file does not have it: written. 2. Again: nothing to write."""
    file = tmp_path / "keywords.toml"
    file.write_text(TABLES)
    sound = recording(with_noise(speak("TURN OFF", lead_s=0.6, tail_s=0.8), rms=3e-4, seed=1))
    with serving_page(tmp_path, "--model", tiny_model_dir, "--keywords", file, socket=tmp_path / "s") as web:
        for worth in (True, False):
            web.ask("/api/teach/begin", {"name": "turn off"})
            for _ in range(3):
                assert web.ask("/api/teach/take", body=sound, Content_Type="audio/wav").json["refused"] is None
            found = web.ask("/api/teach/learn", {}).json
            assert (found["changed"], found["worth_writing"]) == (False, worth)
            kept = web.ask("/api/teach/keep", {}).json  # there is no daemon here that would read it
            assert "daemon is not running" in kept["unread"] if worth else "nothing new to write" in kept["error"]
            assert file.read_text() == TABLES + '[[keyword]]\nphrase = "turn off"\n'


def test_a_text_file_cannot_take_it(tmp_path: Path, tiny_model_dir: Path) -> None:
    (tmp_path / "k.txt").write_text("LIGHT ON\n")
    with serving_page(
        tmp_path, "--keywords", tmp_path / "k.txt", "--model", tiny_model_dir, socket=tmp_path / "s"
    ) as web:
        refused = web.ask("/api/teach/begin", {"name": "x"})
        assert (refused.status, "TOML" in refused.json["error"]) == (409, True)
