"""The real clients of ../shared/peers, where somebody has set them up below $KWSD_RIGS; else these are skipped."""

import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from testkit import home_assistant_satellite
from testkit.broker import bridging, free_port
from testkit.daemons import Plug, eventually, phrase, running
from testkit.tiny_model import silence, speak
from testkit.wyoming import rig, satellite, serving

MODEL = Path(__file__).parents[2] / "models" / "kwsd-en"


def python_of(name: str) -> str:
    """The rig's interpreter."""
    venv = rig(name)
    if venv is None:
        pytest.skip(f"no rig: ../shared/peers/{name.partition('-')[0]}/setup $KWSD_RIGS/{name} [CHECKOUT]")
    return str(venv / "bin" / "python")


@pytest.fixture
def clips(tmp_path: Path, shared_dir: Path) -> list[str]:
    """WAV=NAME of two wake words."""
    soundfile = pytest.importorskip("soundfile")
    found = []
    for name in ("alexa", "jarvis"):
        path = min((shared_dir / "wakewords" / name).glob("*"))
        sound, rate = soundfile.read(path, dtype="float32")
        soundfile.write(tmp_path / f"{name}.wav", np.clip(sound, -1, 1), rate, subtype="PCM_16")
        found.append(f"{tmp_path / name}.wav={name}")
    return found


def test_the_23_checks_of_the_satellite_rig(tmp_path: Path, shared_dir: Path, clips: list[str]) -> None:
    python = python_of("satellite")
    with serving(tmp_path, MODEL, keywords="alexa\njarvis\n") as service:
        command = [python, str(shared_dir / "peers" / "satellite" / "client.py"), f"127.0.0.1:{service.port}", *clips]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, [line for line in done.stdout.splitlines() if '"ok": false' in line]


@pytest.mark.parametrize("name", ["satellite", "satellite-1.4.1"])
def test_a_real_satellite_is_woken(tmp_path: Path, shared_dir: Path, clips: list[str], name: str) -> None:
    """1.4.1 asks for the list of names in mid-stream, too."""
    python = python_of(name)
    with serving(tmp_path, MODEL, keywords="alexa\njarvis\n") as service:
        command = [python, str(shared_dir / "peers" / "satellite" / "run.py"), "--wake", f"127.0.0.1:{service.port}"]
        for clip in clips:
            path, _, word = clip.partition("=")
            command += ["--wav", path, "--expect", word]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_home_assistant_wakes_by_wyoming(tmp_path: Path, shared_dir: Path, clips: list[str]) -> None:
    """Its config flow adds the service; its pipeline runs from wake word to intent."""
    python = python_of("home_assistant")
    with serving(tmp_path, MODEL, keywords="alexa\njarvis\n") as service:
        program = shared_dir / "peers" / "home_assistant" / "run.py"
        command = [python, str(program), "--wake", f"127.0.0.1:{service.port}", *clips]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]


def test_home_assistant_is_given_an_order_by_the_satellite(
    tmp_path: Path, shared_dir: Path, tiny_model_dir: Path
) -> None:
    """Scenario.

    1. Its config flow adds `kwsd-wyoming --satellite`, and its pipeline waits. 2. The wake word and an order are said.

    Result: its speech to text is given the order and nothing of the wake word; the satellite is told the text; Home
    Assistant complains about nothing.
    """
    program = Path(home_assistant_satellite.__file__)
    command = [python_of("home_assistant"), "-P", str(program), str(shared_dir / "peers" / "home_assistant")]
    (tmp_path / "wake.toml").write_text('[[keyword]]\nphrase = "HEY LIGHT"\nlisten = true\n')
    said = np.concatenate([speak("TURN OFF"), silence(0.3), speak("THE LIGHT")])
    plug = Plug(tmp_path)
    plug.plug_in()
    with (
        running(tmp_path, tiny_model_dir, "--keywords", str(tmp_path / "wake.toml")),
        satellite(tmp_path) as service,
    ):
        order = tmp_path / "order.pcm"
        home = subprocess.Popen([*command, f"127.0.0.1:{service.port}", str(order)], stdout=subprocess.PIPE, text=True)
        assert home.stdout is not None
        try:
            while (line := home.stdout.readline()) and '"ready"' not in line:
                pass
            assert eventually(lambda: "Home Assistant is connected" in service.log, 30)
            plug.say(np.concatenate([silence(0.5), speak("HEY LIGHT"), said]))
            assert eventually(lambda: "heard: what time is it" in service.log, 60)
            complaints, _ = home.communicate(timeout=60)
        finally:
            home.kill()
            home.wait()
            home.stdout.close()
    assert (home.returncode, complaints) == (0, "")
    heard = np.frombuffer(order.read_bytes(), "<i2").astype(np.float32) / 32767
    begins = int(np.correlate(heard[: len(said) + 8000], said, "valid").argmax())
    assert begins <= 0.35 * 16_000
    assert np.abs(heard[begins : begins + len(said)] - said).max() < 0.01


def test_home_assistant_makes_entities_of_what_mqtt_tells(
    tmp_path: Path, shared_dir: Path, tiny_model_dir: Path
) -> None:
    """Every entity comes, the switch mutes, and Home Assistant logs no complaint."""
    port = free_port()
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin") is None:
        pytest.skip("needs the Debian package mosquitto")
    program = shared_dir / "peers" / "home_assistant" / "mqtt.py"
    command = [python_of("home_assistant"), str(program), "--seconds", "20", "--broker-port", str(port)]
    command += ["--call", "10:switch.turn_off:switch.kwsd_listening"]
    for entity in ("event.kwsd_detection", "switch.kwsd_listening", "sensor.kwsd_state", "sensor.kwsd_level"):
        command += ["--expect", entity]
    plug = Plug(tmp_path)
    plug.plug_in()
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        with running(tmp_path, tiny_model_dir) as daemon, bridging(tmp_path, port, "--allow-commands", "mute"):
            while watching.poll() is None:
                plug.forget()
                plug.say(phrase("LIGHT ON"))
                time.sleep(3)
            assert daemon.ask(command="status")["data"]["state"] == "muted"
        assert watching.stdout is not None
        assert watching.returncode == 0, watching.stdout.read()[-2000:]
    finally:
        watching.kill()
        watching.wait()
        watching.stdout.close() if watching.stdout else None
