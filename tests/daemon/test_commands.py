"""Commands to a running daemon, given by `kwsctl` or over the socket, while sound goes on."""

import base64
import io
import json
import signal
import subprocess
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from testkit.daemons import KEYWORDS, KWSCTL, DaemonProcess, Plug, eventually, phrase, running
from testkit.serving import Client
from testkit.tiny_model import speak

SETTLED_S = 0.1  # `reloaded` of what went before is on its way to whoever connects now: an event rests for 10 ms
UNWRITABLE = "你好"  # no piece of the model writes it


@pytest.fixture(scope="module")
def plug(directory: Path) -> Iterator[Plug]:
    with Plug(directory) as plug:
        yield plug


@pytest.fixture(scope="module")
def shared_daemon(directory: Path, tiny_model_dir: Path, plug: Plug) -> Iterator[DaemonProcess]:
    heartbeat = {"KWSD_DAEMON_HEARTBEAT_S": "0.2"}
    with running(directory, tiny_model_dir, "--clips", environment=heartbeat) as daemon:
        assert eventually(lambda: plug.is_open)
        yield daemon


@pytest.fixture
def daemon(shared_daemon: DaemonProcess, directory: Path) -> DaemonProcess:
    """The daemon, with the usual keywords."""
    (directory / "keywords.txt").write_text(KEYWORDS)
    shared_daemon.ask(command="reload")
    time.sleep(SETTLED_S)
    return shared_daemon


@pytest.fixture
def client(daemon: DaemonProcess) -> Iterator[Client]:
    client, hello = daemon.client()
    assert hello["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
    yield client
    client.close()


def kwsctl_command(daemon: DaemonProcess, *arguments: str) -> list[str]:
    return [KWSCTL, *arguments, "--socket", str(daemon.socket_path)]


def kwsctl(daemon: DaemonProcess, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(kwsctl_command(daemon, *arguments), capture_output=True, check=False, timeout=30)


def test_reload_in_every_way(daemon: DaemonProcess, client: Client, directory: Path) -> None:
    """Scenario.

    1. The file is changed and saved as an editor does it, by renaming: noticed.
    2. It is changed and SIGHUP sent, then changed and `reload` given, then `kwsctl reload`.

    Result: `reloaded` each time, with the new names.
    """
    (directory / "new").write_text("LIGHT UP\n")
    (directory / "new").rename(directory / "keywords.txt")
    assert client.read_until("reloaded")["keywords"] == ["LIGHT UP"]
    daemon.signal(signal.SIGHUP)
    assert client.read_until("reloaded")["keywords"] == ["LIGHT UP"]
    assert client.ask(command="reload", request_id="r")["data"] == {"keywords": ["LIGHT UP"], "problems": []}
    assert kwsctl(daemon, "reload").stdout == b"keywords in force: 1\n"


def test_a_bad_file_keeps_the_old_list_and_says_why(
    daemon: DaemonProcess, client: Client, plug: Plug, directory: Path
) -> None:
    (directory / "keywords.txt").write_text(f"{UNWRITABLE}\n#0.5 @X\n")
    problems = client.read_until("reload_failed")["problems"]
    assert any("keywords.txt:1: " in problem for problem in problems)
    plug.say(phrase("LIGHT ON"))
    assert client.read_until("detection")["keyword"] == "LIGHT ON"
    (directory / "keywords.txt").unlink()
    reply = client.ask(command="reload")
    assert not reply["ok"]
    assert "there is no such file" in reply["error"]
    assert daemon.ask(command="status")["data"]["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]


def test_a_file_with_one_bad_line_is_used_and_the_line_named(client: Client, directory: Path) -> None:
    (directory / "keywords.txt").write_text(f"LIGHT UP\n{UNWRITABLE}\n")
    reloaded = client.read_until("reloaded")
    assert reloaded["keywords"] == ["LIGHT UP"]
    assert "keywords.txt:2: " in reloaded["problems"][0]


def test_reloading_in_the_middle_of_a_phrase_loses_nothing(daemon: DaemonProcess, client: Client, plug: Plug) -> None:
    """Scenario.

    1. A phrase is being said; in its middle the list is reloaded, eight times over.

    Result: the phrase is heard; no sound was lost.
    """
    plug.say(speak("LIGHT ON", lead_s=0.5, tail_s=1.5, token_s=0.3))
    for _ in range(8):
        assert client.ask(command="reload")["ok"]
        time.sleep(0.1)
    assert client.read_until("detection")["keyword"] == "LIGHT ON"
    assert daemon.ask(command="status")["data"]["lost_ms"] == 0


def test_keywords_and_thresholds_at_run_time(daemon: DaemonProcess, client: Client, plug: Plug) -> None:
    """Scenario.

    1. Another list is set, with a name: the old phrase is heard no more, the new one is, by its name.
    2. Its threshold is set; the detection shows it.
    3. Impossible requests are refused: an unknown name, a phrase the model cannot write.
    """
    keywords = [{"phrase": "LIGHT UP", "name": "up"}, "TURN OFF"]
    assert client.ask(command="set_keywords", keywords=keywords)["data"]["keywords"] == ["up", "TURN OFF"]
    assert client.ask(command="set_threshold", threshold=0.77, keyword="up")["data"] == {"keywords": ["up"]}
    plug.say(np.concatenate([phrase("LIGHT ON"), phrase("LIGHT UP")]))
    detection = client.read_until("detection")
    assert (detection["keyword"], detection["phrase"], detection["threshold"]) == ("up", "LIGHT UP", 0.77)
    assert 'there is no "x"' in client.ask(command="set_threshold", threshold=0.5, keyword="x")["error"]
    assert not client.ask(command="set_keywords", keywords=[UNWRITABLE])["ok"]
    assert kwsctl(daemon, "keywords").stdout == b"up\nTURN OFF\n"
    assert kwsctl(daemon, "keywords", "--set", "LIGHT DOWN").stdout == b"LIGHT DOWN\n"
    assert kwsctl(daemon, "keywords", "--threshold", "0.5").stdout == b"LIGHT DOWN\n"


def test_a_threshold_is_saved_in_the_keyword_file(daemon: DaemonProcess, client: Client, directory: Path) -> None:
    """1. Of one keyword: the file has it, and it is in force. 2. Of all. 3. What is in no file is refused."""
    file = directory / "keywords.txt"
    before = file.read_text()
    first, *_ = names = ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
    asked = kwsctl(daemon, "keywords", "--threshold", "0.77", "--keyword", first, "--save")
    assert (asked.returncode, asked.stdout.decode()) == (0, f"{first}\n"), asked.stderr
    assert file.read_text() == before.replace(first, f"{first} #0.77", 1)
    status = client.ask(command="status")["data"]
    assert (status["thresholds"][first], status["keywords_from"]) == (0.77, "file")
    assert client.ask(command="set_threshold", threshold=0.6, save=True)["data"]["keywords"] == names
    assert file.read_text().count("#0.6") == len(names)
    assert client.ask(command="set_keywords", keywords=["LIGHT UP"])["ok"]
    assert "stand in no file" in client.ask(command="set_threshold", threshold=0.5, save=True)["error"]
    assert file.with_name("keywords.txt.bak").exists()


def test_what_of_set_keywords_will_not_be_heard_is_told(daemon: DaemonProcess, client: Client) -> None:
    """1. The second of three has a spelling that the model lacks, the third its boost within the phrase.

    Result: the list is in force; reply, event and `kwsctl`, which ends with 3, name both by their number.
    """
    lines = ["turn off", {"phrase": "light on", "spellings": [UNWRITABLE]}, "hey light :1.5"]
    reply = client.ask(command="set_keywords", keywords=lines)
    assert reply["ok"]
    assert [problem.split(":")[0] for problem in reply["data"]["problems"]] == ["keyword 2", "keyword 3"]
    assert UNWRITABLE in reply["data"]["problems"][0]
    assert "boost" in reply["data"]["problems"][1]
    event = client.read_until("reloaded")
    assert (event["keywords"], event["problems"]) == (
        ["turn off", "light on", "hey light :1.5"],
        reply["data"]["problems"],
    )
    done = kwsctl(daemon, "keywords", "--set", "turn off", "light on 0.5")
    assert (done.returncode, b"keyword 2" in done.stderr, b"#0.5" in done.stderr) == (3, True, True)


def test_mute_closes_the_microphone(daemon: DaemonProcess, client: Client, plug: Plug) -> None:
    """Scenario.

    1. `mute`: when the reply comes the microphone is closed, not merely ignored.
    2. The daemon lives on, muted, its watchdog fed.
    3. `unmute`: the microphone is opened again and hears.
    """
    assert kwsctl(daemon, "mute").returncode == 0
    assert eventually(lambda: not plug.is_open, 1)
    client.read_until("muted")
    status = kwsctl(daemon, "status", "--json")
    assert status.returncode == 1
    assert json.loads(status.stdout)["state"] == "muted"
    time.sleep(1.5)
    assert daemon.ask(command="status")["data"]["progress_age_s"] < 1.5
    assert not plug.is_open
    assert kwsctl(daemon, "unmute").returncode == 0
    client.read_until("unmuted")
    assert eventually(lambda: plug.is_open)
    plug.say(phrase("LIGHT ON"))
    client.read_until("detection")
    assert kwsctl(daemon, "status").stdout.startswith(b'listening: "Fake USB microphone"')


def test_one_mutes_and_another_unmutes_at_once(daemon: DaemonProcess, client: Client, plug: Plug) -> None:
    """Scenario.

    1. `mute`, and of another program `unmute`, which comes before the microphone has been closed, or just then.
    2. `mute` of both, then `unmute`: one event of each.

    Result: all are told that it is done, within a second; it listens again, and nobody was told of a lost microphone.
    """
    other, _ = daemon.client()
    with other:
        for pause_s in (0.003, 0.006, 0.01, 0.02, 0.04, 0.06):
            assert eventually(lambda: daemon.ask(command="status")["data"]["state"] == "listening")
            asked_s = time.monotonic()
            client.send(command="mute")
            time.sleep(pause_s)
            assert other.ask(command="unmute")["ok"]
            told = []
            while (record := client.read())["type"] != "reply":
                told.append(record["type"])
            assert record["ok"], record
            assert time.monotonic() - asked_s < 1
            assert "mic_lost" not in told
        assert eventually(lambda: daemon.ask(command="status")["data"]["state"] == "listening")
        time.sleep(SETTLED_S)
        fresh, _ = daemon.client()
        with fresh:
            for command in ("mute", "mute", "unmute"):
                assert other.ask(command=command)["ok"]
            plug.say(phrase("LIGHT ON"))
            told = []
            while (record := fresh.read())["type"] != "detection":
                told.append(record["type"])
            assert told == ["muted", "unmuted"]


def test_clips_hold_the_phrase_and_what_follows(
    daemon: DaemonProcess, client: Client, plug: Plug, tmp_path: Path
) -> None:
    """Scenario.

    1. A phrase is said, then another sound.
    2. By the id of the detection, and from its end to 1 s later, which is yet to come, clips are asked for.

    Result: WAV files whose sound is what was said, to the sample.
    """
    said = phrase("LIGHT ON")
    plug.say(np.concatenate([said, speak("TURN OFF", tail_s=1.0)]))
    detection = client.read_until("detection")
    clip = client.ask(command="clip", id=detection["id"])["data"]
    pcm = _samples(base64.b64decode(clip["wav"]))
    assert len(pcm) == round((clip["end"] - clip["start"]) * 16_000)
    wanted = (said[4800:12_000] * 32767).astype(np.int16).astype(float)
    correlation = np.correlate(pcm, wanted, "valid")
    assert correlation.max() > 0.9 * np.dot(wanted, wanted)
    later = client.ask(command="clip", id=detection["id"], start=detection["end"], end=detection["end"] + 1.0)["data"]
    assert later["end"] - later["start"] == pytest.approx(1.0)
    file = tmp_path / "clip.wav"
    assert kwsctl(daemon, "clip", str(detection["id"]), "-o", str(file)).returncode == 0
    assert len(_samples(file.read_bytes())) == len(pcm)


def test_impossible_clips_are_refused(client: Client) -> None:
    assert "no detection 99" in client.ask(command="clip", id=99)["error"]
    assert "give the id" in client.ask(command="clip")["error"]
    assert "15 s at most" in client.ask(command="clip", start=0, end=60)["error"]
    assert "start before end" in client.ask(command="clip", start=2, end=1)["error"]


def test_trace_tells_of_near_misses(client: Client, plug: Plug) -> None:
    """A phrase whose threshold nothing reaches is a near miss, with its score and the reason."""
    assert client.ask(command="set_threshold", threshold=1.0)["ok"]
    assert client.ask(command="trace", on=True)["ok"]
    plug.say(speak("LIGHT ON", lead_s=0.3, tail_s=1.5, noise=0.05))
    near = client.read_until("near_miss")
    while near["keyword"] != "LIGHT ON":
        near = client.read_until("near_miss")
    assert 0 < near["score"] < 1
    assert near["reason"]


def test_why_explains_what_was_heard_and_what_was_not(daemon: DaemonProcess, client: Client, plug: Plug) -> None:
    """1. An unknown id. 2. A detection. 3. A near miss, though nobody traced. 4. A wrong name."""
    assert "there is no 99999" in client.ask(command="why", event="99999")["error"]
    plug.say(phrase("LIGHT ON"))
    while (heard := client.read_until("detection"))["keyword"] != "LIGHT ON":
        pass  # said in the test before
    told = kwsctl(daemon, "why", str(heard["id"])).stdout.decode().splitlines()
    assert told[1].startswith("Heard LIGHT with 1.00 and ON with ")
    assert told[2].startswith('"LIGHT ON" was told because ')
    assert len(told) == 4
    assert client.ask(command="set_threshold", threshold=1.0)["ok"]
    plug.say(speak("LIGHT ON", lead_s=0.3, tail_s=1.5, noise=0.05))
    assert eventually(lambda: b"was held back because that is too little" in kwsctl(daemon, "why").stdout)
    record = json.loads(kwsctl(daemon, "why", "last", "--json").stdout)
    assert client.ask(command="why", event=f"m{record['id']}")["data"]["event"] == record
    assert record["why"]["rule"] == "low_score"
    wrong = kwsctl(daemon, "why", "yesterday")
    assert wrong.returncode == 2
    assert b'"yesterday" is no event: 17 is a detection, m17 a near miss' in wrong.stderr


def test_levels_and_heartbeats_on_request(client: Client, plug: Plug) -> None:
    client.ask(command="subscribe", types=["level", "heartbeat"])
    assert client.read_until("heartbeat")["state"] == "listening"
    assert eventually(lambda: client.read_until("level")["peak_db"] < -50)
    plug.say(phrase("LIGHT ON"))
    assert eventually(lambda: client.read_until("level")["peak_db"] > -20)


def test_clips_are_off_unless_asked_for(tmp_path: Path, tiny_model_dir: Path) -> None:
    with running(tmp_path, tiny_model_dir) as daemon:
        assert "--clips" in daemon.ask(command="clip", id=1)["error"]


def test_kwsctl_listen_prints_json_for_jq(daemon: DaemonProcess, plug: Plug) -> None:
    with subprocess.Popen(kwsctl_command(daemon, "listen", "--json"), stdout=subprocess.PIPE) as listening:
        assert listening.stdout is not None
        assert json.loads(listening.stdout.readline())["type"] == "hello"
        plug.say(phrase("LIGHT ON"))
        assert json.loads(listening.stdout.readline())["keyword"] == "LIGHT ON"
        listening.terminate()


def test_kwsctl_without_a_daemon_names_the_path_and_the_remedy(tmp_path: Path) -> None:
    command = [KWSCTL, "status", "--socket", str(tmp_path / "none")]
    result = subprocess.run(command, capture_output=True, check=False, text=True)
    assert result.returncode == 1
    assert f"no daemon at {tmp_path}/none" in result.stderr
    assert "Traceback" not in result.stderr


def _samples(wav: bytes) -> np.ndarray:
    with wave.open(io.BytesIO(wav)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 16_000)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)


def test_no_program_has_a_file_read_out(client: Client, directory: Path) -> None:
    """Scenario.

    1. A program sets keywords of which one names a list, which lies beside the keyword file.

    Result: refused with the place and the remedy; nothing of the file is told, and the keywords stay.
    """
    (directory / "secret.txt").write_text("secret of others :abc\n")
    file = str(directory / "secret.txt")
    reply = client.ask(command="set_keywords", keywords=["LIGHT ON", {"phrase": "STOP", "then": file}])
    assert not reply["ok"]
    assert "keywords.1.then: only a keyword file may name a list" in reply["error"]
    assert "secret of" not in str(reply)
    assert client.ask(command="status")["data"]["keywords"] == ["LIGHT ON", "TURN OFF", "HEY LIGHT"]
