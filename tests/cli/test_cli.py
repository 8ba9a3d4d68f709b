"""The real `kwsd` and `kwsctl` processes: what they print, how they end, what they say of bad input."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from testkit.commands import KWSCTL, KWSD, Completed, clean_environment, run
from testkit.fake_audio import FAKE_MICROPHONE, fake_alsa_microphone, needs_portaudio
from testkit.tiny_model import Floats, silence, speak

PHRASE = "LIGHTS ON"
HEAVY = {"asyncio", "numpy", "onnxruntime", "pydantic", "rich", "sounddevice"}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A directory with keywords.txt and lights.wav, which says the one keyword."""
    (tmp_path / "keywords.txt").write_text("lights on\nturn off\n")
    soundfile.write(tmp_path / "lights.wav", speak(PHRASE, lead_s=0.5), 16_000)
    return tmp_path


@pytest.fixture
def kwsd(home: Path, tiny_model_dir: Path) -> Callable[..., Completed]:
    """Runs kwsd with the tiny model and keywords.txt; a flag given again wins."""

    def kwsd_with(*arguments: object, stdin: bytes = b"") -> Completed:
        return run(KWSD, "--model", tiny_model_dir, "--keywords", "keywords.txt", *arguments, home=home, stdin=stdin)

    return kwsd_with


def pcm(samples: Floats) -> bytes:
    """s16le, as `--input -` wants it."""
    return (samples * 32767).astype("<i2").tobytes()


# --------------------------------------------------------------------------------------------------------- output


def test_a_line_for_people(kwsd: Callable[..., Completed]) -> None:
    done = kwsd("--input", "lights.wav")
    assert done.returncode == 0
    assert done.stderr == ""
    time_s, unit, *phrase, score = done.stdout.split()
    assert (unit, phrase) == ("s", ["lights", "on"])
    assert float(time_s) == pytest.approx(0.6, abs=0.2)
    assert float(score) > 0.9
    assert "\x1b" not in done.stdout


def test_json_lines(kwsd: Callable[..., Completed]) -> None:
    record = json.loads(kwsd("--input", "lights.wav", "--json").stdout)
    fields = "type keyword phrase start end score min_score threshold tokens timestamps engine stream_time latency_ms"
    assert set(fields.split()) <= set(record)
    assert next(iter(record)) == "type"
    assert record["keyword"] == "lights on"
    assert record["tokens"] == ["▁LIGHT", "S", "▁ON"]
    assert record["start"] <= record["timestamps"][0] < record["end"] < record["stream_time"]


def test_a_pipe_gives_what_a_file_gives(kwsd: Callable[..., Completed]) -> None:
    file = kwsd("--input", "lights.wav", "--json")
    pipe = kwsd("--input", "-", "--json", stdin=pcm(speak(PHRASE, lead_s=0.5)))
    assert pipe.stdout == file.stdout


def test_several_inputs_are_told_apart(kwsd: Callable[..., Completed]) -> None:
    arguments = ("--input", "lights.wav", "--input", "-")
    people = kwsd(*arguments, stdin=pcm(speak("TURN OFF", tail_s=0.5)))
    assert [line.split(":")[0] for line in people.stdout.splitlines()] == ["lights.wav", "stdin"]
    records = kwsd(*arguments, "--json", stdin=pcm(speak("TURN OFF"))).stdout.splitlines()
    assert [json.loads(record)["source"] for record in records] == ["lights.wav", "stdin"]


def test_python_m_kwsd_is_kwsd(home: Path) -> None:
    done = run(sys.executable, "-m", "kwsd", "--version", home=home)
    assert (done.returncode, done.stdout) == (0, run(KWSD, "--version", home=home).stdout)


@pytest.mark.parametrize("arguments", ["--help", "--version"])
@pytest.mark.parametrize("command", ["kwsd", "kwsctl"])
def test_help_and_version_load_nothing_heavy(home: Path, command: str, arguments: str) -> None:
    """Measured at 40 ms of CPU with no heavy import and over 400 ms with them all."""
    program = (
        f"import sys\nfrom kwsd.cli.{command} import main\n"
        f"try:\n    main(['{arguments}'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print('heavy:', sorted({HEAVY} & set(sys.modules)))"
    )
    assert run(sys.executable, "-c", program, home=home).stdout.endswith("heavy: []\n")


@pytest.mark.parametrize("keywords", ["keywords.txt", "keywords.toml"])
def test_hearing_a_file_loads_nothing_that_checks_what_others_send(
    home: Path, tiny_model_dir: Path, keywords: str
) -> None:
    """Memory and the time to start are decided here: settings, model.toml and keywords are checked by kwsd.fields."""
    (home / "keywords.toml").write_text("[[keyword]]\nphrase = 'lights on'\n")
    (home / "kwsd.toml").write_text("[search]\nbeam = 8\n")
    program = (
        "import sys\nfrom kwsd.cli.kwsd import main\n"
        f"code = main(['--input', 'lights.wav', '--keywords', '{keywords}', '--config', 'kwsd.toml', "
        f"'--model', '{tiny_model_dir}'])\n"
        "heavy = {'asyncio', 'pydantic', 'sounddevice', 'ssl', 'rich', 'kwsd.commands12.model'}\n"
        "print(code, sorted(heavy & set(sys.modules)))"
    )
    done = run(sys.executable, "-c", program, home=home)
    assert done.stdout.splitlines()[-1] == "0 []", done
    assert "lights on" in done.stdout


def test_settings_come_from_the_users_file_too(home: Path, tiny_model_dir: Path) -> None:
    (home / "kwsd").mkdir()
    toml = f'model = "{tiny_model_dir}"\nkeywords = "../keywords.txt"\njson = true\n[search]\nthreshold = 0.25\n'
    (home / "kwsd" / "config.toml").write_text(toml)
    done = run(KWSD, "--input", "lights.wav", home=home, environ={"KWSD_SEARCH_BOOST": "1.5"})
    assert json.loads(done.stdout)["threshold"] == 0.25
    printed = run(KWSD, "--print-config", "--threshold", "0.4", home=home).stdout
    assert "threshold = 0.4 " in printed
    assert str(home / "kwsd" / "config.toml") in printed


# ---------------------------------------------------------------------------------------------- terminals, endings


def test_a_long_file_has_a_progress_bar_on_a_terminal(home: Path, tiny_model_dir: Path) -> None:
    """The bar goes to stderr; stdout, which is no terminal here, has the detections and nothing else."""
    soundfile.write(home / "long.wav", np.concatenate([speak(PHRASE, lead_s=0.5), silence(70)]), 16_000)
    terminal, stderr = pty.openpty()
    command = [KWSD, "--model", str(tiny_model_dir), "--keywords", "keywords.txt", "--input", "long.wav"]
    environ = clean_environment(home, {"TERM": "xterm", "COLUMNS": "100"})
    done = subprocess.run(command, cwd=home, env=environ, stdout=subprocess.PIPE, stderr=stderr, check=True, timeout=60)
    os.close(stderr)
    shown = os.read(terminal, 1 << 20).decode(errors="replace")
    os.close(terminal)
    assert "long.wav" in shown
    assert "× real time" in shown
    assert len(done.stdout.splitlines()) == 1


def test_colour_on_a_terminal(home: Path, tiny_model_dir: Path) -> None:
    terminal, stdout = pty.openpty()
    command = [KWSD, "--model", str(tiny_model_dir), "--keywords", "keywords.txt", "--input", "lights.wav"]
    subprocess.run(command, cwd=home, env=clean_environment(home), stdout=stdout, check=True, timeout=60)
    os.close(stdout)
    assert "\x1b[" in os.read(terminal, 4096).decode()
    os.close(terminal)


def started(home: Path, model: Path) -> subprocess.Popen[bytes]:
    """A kwsd that reads a pipe which stays open, and has just printed its first detection."""
    command = [KWSD, "--model", str(model), "--keywords", "keywords.txt", "--input", "-"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=home, env=clean_environment(home), stdin=pipe, stdout=pipe, stderr=pipe)
    say(process)
    assert process.stdout is not None
    assert b"lights on" in process.stdout.readline(), "a line is there as soon as it is printed"
    return process


def say(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(pcm(speak(PHRASE, lead_s=0.7, tail_s=1.0)))
    process.stdin.flush()


def test_ctrl_c_ends_quietly(home: Path, tiny_model_dir: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a suite started behind `&` hands down that it is ignored
    with started(home, tiny_model_dir) as process:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr) == (130, b"")


def test_a_reader_that_goes_away_ends_it_quietly(home: Path, tiny_model_dir: Path) -> None:
    """1. `kwsd … | head -1` has its line. 2. It goes. 3. The next detection finds nobody: the end, without a word."""
    with started(home, tiny_model_dir) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        say(process)
        assert process.wait(timeout=20) == 0
        assert process.stderr.read() == b""


# ------------------------------------------------------------------------------------------------- sound of all kinds


def stereo(samples: Floats) -> Floats:
    return np.stack([samples, np.zeros_like(samples)], axis=1)


SPOKEN = speak(PHRASE, lead_s=0.5, amplitude=0.4)
LOUD = np.clip(SPOKEN * 10, -1, 1)
WITH_NAN = np.concatenate([SPOKEN, np.full(100, np.nan, np.float32), np.full(100, np.inf, np.float32), SPOKEN])


def resampled(rate: int) -> Floats:
    at = np.arange(0, len(SPOKEN), 16_000 / rate)
    return np.asarray(np.interp(at, np.arange(len(SPOKEN)), SPOKEN), np.float32)


SOUNDS = {
    "24bit.wav": (SPOKEN, 16_000, "PCM_24"),
    "stereo.flac": (stereo(SPOKEN), 16_000, "PCM_16"),
    "offset.wav": (SPOKEN + np.float32(0.3), 16_000, "FLOAT"),
    "clipped.wav": (LOUD, 16_000, "PCM_16"),
    "nan.wav": (WITH_NAN, 16_000, "FLOAT"),
    "cd.wav": (resampled(44_100), 44_100, "PCM_16"),
    "48k.ogg": (resampled(48_000), 48_000, "VORBIS"),
    "48k.mp3": (resampled(48_000), 48_000, "MPEG_LAYER_III"),
}


def test_sound_of_any_kind_is_heard(kwsd: Callable[..., Completed], home: Path) -> None:
    for name, (samples, rate, subtype) in SOUNDS.items():
        soundfile.write(home / name, samples, rate, subtype=subtype)
    done = kwsd(*(argument for name in SOUNDS for argument in ("--input", name)), "--json")
    assert done.returncode == 0
    heard = [json.loads(line)["source"] for line in done.stdout.splitlines()]
    assert list(dict.fromkeys(heard)) == list(SOUNDS)
    assert heard.count("nan.wav") == 2, "before and after the samples that are not numbers"
    assert "nan.wav: 200 samples are NaN or infinite" in done.stderr


def test_a_truncated_wav_gives_what_is_there(kwsd: Callable[..., Completed], home: Path) -> None:
    whole = np.concatenate([speak(PHRASE, lead_s=0.5, tail_s=1), speak(PHRASE)])
    soundfile.write(home / "whole.wav", whole, 16_000)
    data = (home / "whole.wav").read_bytes()
    (home / "cut.wav").write_bytes(data[: len(data) * 2 // 3 + 1])
    done = kwsd("--input", "cut.wav")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1


def test_stdin_that_ends_in_the_middle_of_a_sample(kwsd: Callable[..., Completed]) -> None:
    done = kwsd("--input", "-", stdin=pcm(speak(PHRASE, lead_s=0.5)) + b"\x01")
    assert done.returncode == 0
    assert "lights on" in done.stdout
    assert "ended in the middle of a sample" in done.stderr


def test_sound_without_a_header_is_what_raw_says(kwsd: Callable[..., Completed], home: Path) -> None:
    """In a file of any name and in a pipe: big-endian, or two channels of 48 kHz of which the second speaks."""
    two = np.stack([np.zeros(len(resampled(48_000)), np.float32), resampled(48_000)], axis=1)
    for raw, data in (
        ("s16be", np.frombuffer(pcm(SPOKEN), "<i2").astype(">i2").tobytes()),
        ("f32le:48000:2", two.astype("<f4").tobytes()),
    ):
        (home / "sound.bin").write_bytes(data)
        file = kwsd("--raw", raw, "--input", "sound.bin")
        pipe = kwsd("--raw", raw, "--input", "-", stdin=data)
        assert (file.returncode, pipe.returncode) == (0, 0), (file, pipe)
        assert "lights on" in file.stdout
        assert pipe.stdout == file.stdout
    headed = kwsd("--raw", "s16be", "--input", "lights.wav")
    assert "lights on" in headed.stdout, "a header says more"
    wrong = kwsd("--raw", "s16:48", "--input", "sound.bin")
    assert wrong.returncode == 2
    assert "is not SAMPLES[:HZ[:CHANNELS]], such as s16le:48000:2; SAMPLES: s16le, s16be" in wrong.stderr


# ----------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ("--keywords=", 2, "kwsd: --keywords: '' is empty: leave it out, or give a path"),
        ("--input=", 1, "kwsd: --input is empty: it takes an audio file"),
        (
            "--input https://example.org/a.wav",
            1,
            "is an address; fetch it into a pipe: curl -fsSL https://example.org/a.wav |",
        ),
        ("--device usb", 2, "kwsd: --device names a microphone, but --input lights.wav is heard: leave one out"),
        ("--nonsense", 2, "there is no --nonsense; --help names what there is"),
        ("--keyword-file k.txt", 2, "there is no --keyword-file; did you mean --keywords?"),
        ("--threshold much", 2, "argument --threshold: much is no number, such as 0.5"),
        ("--threshold 1.4", 2, "kwsd: --threshold: 1.4 is not above 0 and at most 1"),
        ("--boost nan", 2, "kwsd: --boost: nan is not at least 0 and at most 20"),
        ("--channel 0", 2, "kwsd: --channel: 0 is not at least 1 and at most 1024"),
        ("--channel 2", 1, "lights.wav has no channel 2"),
        ("--config none.toml", 78, "kwsd: none.toml: cannot be read: No such file or directory"),
        ("--config lights.wav", 78, "kwsd: lights.wav: is not TOML"),
        ("--input none.wav", 1, "kwsd: none.wav does not exist"),
        ("--input empty.wav", 1, "kwsd: empty.wav is empty"),
        ("--input .", 1, "kwsd: . is a directory"),
        ("--input keywords.txt", 1, "kwsd: keywords.txt is not audio that can be read"),
        ("--keywords none.txt", 78, "none.txt: there is no such file"),
        ("--keywords .", 78, ".: cannot be read"),
        ("--keywords empty.wav", 78, "empty.wav: has no usable keyword"),
        ("--model nosuch", 78, "kwsctl models list"),
        ("--model ./nosuch", 78, "model directory ./nosuch does not exist"),
        ("--model lights.wav", 78, "is a file; give the directory"),
    ],
)
def test_bad_arguments(
    kwsd: Callable[..., Completed], home: Path, arguments: str, exit_code: int, message: str
) -> None:
    (home / "empty.wav").touch()
    done = kwsd("--input", "lights.wav", *arguments.split())
    assert done.returncode == exit_code, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "", "refused before anything is heard"


def test_a_mistyped_command_is_told_with_the_one_that_was_meant(home: Path) -> None:
    for typed, meant in (("stauts", "status"), ("unmut", "unmute"), ("modles", "models")):
        done = run(KWSCTL, typed, home=home)
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1] == f"kwsctl: error: there is no {typed}; did you mean {meant}?"
    assert "choose from" in run(KWSCTL, "xyzzy", home=home).stderr
    assert "choose from" in run(KWSD, "--fallback", "xyzzy", home=home).stderr


def test_nothing_to_listen_for(home: Path) -> None:
    done = run(KWSD, home=home)
    assert done.returncode == 2
    assert "--keywords commands.txt" in done.stderr


def test_good_lines_run_and_bad_ones_are_reported(kwsd: Callable[..., Completed], home: Path) -> None:
    """UTF-8 with BOM, CRLF, lower case, pieces, and every kind of mistake among good lines."""
    lines = [
        "# comment",
        "lights on :2.0 #0.25 @LIGHTS_ON",
        "café :abc",
        "turn off #1.4",
        "hey :1.5x",
        "▁NO SUCHPIECE",
        "",
    ]
    (home / "mixed.txt").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    done = kwsd("--keywords", "mixed.txt", "--input", "lights.wav", "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert (record["keyword"], record["phrase"], record["threshold"]) == ("LIGHTS_ON", "lights on", 0.25)
    told = [line.split(": ")[2] for line in done.stderr.splitlines()]
    assert told == ["mixed.txt:3", "mixed.txt:4", "mixed.txt:5", "mixed.txt:6"]


def test_no_good_line_refuses_to_start(kwsd: Callable[..., Completed], home: Path) -> None:
    (home / "bad.txt").write_text("turn off #1.4\nhey :abc\n")
    done = kwsd("--keywords", "bad.txt", "--input", "lights.wav")
    assert (done.returncode, done.stdout) == (78, "")
    assert "bad.txt:1: " in done.stderr
    assert "bad.txt:2: " in done.stderr


def test_many_bad_lines_do_not_flood(kwsd: Callable[..., Completed], home: Path) -> None:
    (home / "many.txt").write_text("lights on\n" + "turn off #1.4\n" * 9_999)
    done = kwsd("--keywords", "many.txt", "--input", "lights.wav")
    assert "lights on" in done.stdout
    assert len(done.stderr.splitlines()) < 60
    assert "and 9989 more" in done.stderr


def test_an_unexpected_exception_is_one_line_and_v_shows_where(home: Path, tiny_model_dir: Path) -> None:
    program = (
        "import sys\nfrom kwsd.cli import kwsd, run_files\n"
        "run_files.open_source = lambda *_: 1 / 0\n"
        "sys.exit(kwsd.main())"
    )
    flags = ("--model", tiny_model_dir, "--keywords", "keywords.txt", "--input", "lights.wav")
    done = run(sys.executable, "-c", program, *flags, home=home)
    assert done.returncode == 1
    assert done.stderr == "kwsd: internal error: ZeroDivisionError: division by zero; -v shows where\n"
    assert "Traceback" in run(sys.executable, "-c", program, *flags, "-v", home=home).stderr


# ------------------------------------------------------------------------------------------------------- microphones


@needs_portaudio
def test_the_microphones_are_listed(home: Path) -> None:
    environ = fake_alsa_microphone(home, silence(1))
    done = run(KWSD, "--list-devices", home=home, environ=environ)
    assert done.returncode == 0
    assert FAKE_MICROPHONE in done.stdout


@needs_portaudio
def test_a_microphone_that_is_not_there_lists_those_that_are(home: Path, tiny_model_dir: Path) -> None:
    environ = fake_alsa_microphone(home, silence(1))
    arguments = ("--model", tiny_model_dir, "--keywords", "keywords.txt", "--device", "nosuch")
    done = run(KWSCTL, "check", *arguments, home=home, environ=environ)
    assert '"nosuch" is no microphone' in done.stdout
    assert FAKE_MICROPHONE in done.stdout


@needs_portaudio
@pytest.mark.parametrize(
    ("samples", "advice"),
    [
        (silence(5), "digital silence (-120 dBFS): is the microphone muted"),
        (speak(["A"], token_s=5, amplitude=0.008), "it is faint (peak -36 dBFS): raise the gain"),
        (speak(["A"], token_s=5, amplitude=0.2), "no clipping"),
        (np.clip(speak(["A"], token_s=5, amplitude=3), -1, 1), "is clipped (peak 0 dBFS): lower the gain"),
    ],
    ids=["muted", "faint", "good", "clipped"],
)
def test_check_names_the_microphone_and_its_level(
    home: Path, tiny_model_dir: Path, samples: Floats, advice: str
) -> None:
    environ = fake_alsa_microphone(home, samples)
    arguments = ("--model", tiny_model_dir, "--keywords", "keywords.txt", "--device", FAKE_MICROPHONE)
    done = run(KWSCTL, "check", *arguments, home=home, environ=environ)
    assert done.returncode == 0, done.stderr
    assert f'microphone  "{FAKE_MICROPHONE}' in done.stdout
    assert "at 16000 Hz" in done.stdout
    assert advice in done.stdout


def test_check_without_a_microphone_says_so(home: Path, tiny_model_dir: Path) -> None:
    """Tokens of each keyword, warnings, speed; and no microphone, which is no failure."""
    (home / "home.txt").write_text("turn off the lights\nthe lights\nturn off the lights @AGAIN\n")
    done = run(KWSCTL, "check", "--model", tiny_model_dir, "--keywords", "home.txt", home=home)
    assert done.returncode == 0, done.stderr
    assert "▁TURN ▁OFF ▁THE ▁LIGHT S" in done.stdout
    assert 'warning: "the lights"' in done.stdout
    assert "RTF 0.0" in done.stdout
    assert f"encoder.onnx as exported; `kwsctl models optimise {tiny_model_dir}`" in done.stdout
    assert "microphone  none usable" in done.stdout


def test_check_compares_the_graph_that_runs_with_its_export(home: Path) -> None:
    """Which of the two costs less depends on the processor: whoever has another kind sees it here."""
    done = run(KWSCTL, "check", home=home)
    found = re.search(r"^encoder     (\S+) runs: ([\d.]+) ms a chunk, (\S+) ([\d.]+) ms$", done.stdout, re.MULTILINE)
    assert found is not None, done
    assert (found[1], found[3]) == ("encoder.compact.onnx", "encoder.int8.onnx")
    assert 0 < float(found[2]) < 100
    assert 0 < float(found[4]) < 100


def test_check_tells_how_often_each_keyword_is_to_be_expected_where_nobody_says_it(home: Path) -> None:
    """1. A short word, a long phrase, and the long one with a threshold of its own. 2. Each has a rate."""
    (home / "k.toml").write_text(
        '[[keyword]]\nphrase = "stop"\n[[keyword]]\nphrase = "hello computer"\n'
        '[[keyword]]\nphrase = "dear computer"\nthreshold = 0.95\n'
    )
    done = run(KWSCTL, "check", "--keywords", "k.toml", home=home)
    rates = {
        found[1]: found[2] for found in re.finditer(r"^ +(\w[\w ]+\w) +<?([\d.]+)/h +▁", done.stdout, re.MULTILINE)
    }
    assert list(rates) == ["stop", "hello computer", "dear computer"], done.stdout
    assert float(rates["stop"]) > float(rates["hello computer"]) >= float(rates["dear computer"]) > 0


# --------------------------------------------------------------------------------------------------- the real model


@pytest.mark.model
def test_the_golden_recordings(home: Path, shared_model_dir: Path) -> None:
    """Upstream's own test files: the keywords that it documents, beginning where it documents them.

    tests/test_oracle.py holds every token to sherpa-onnx without boost.
    """
    (home / "golden.txt").write_text("light up\nlovely child\nforever\n")
    wavs = [argument for name in ("0.wav", "1.wav") for argument in ("--input", shared_model_dir / "test_wavs" / name)]
    done = run(KWSD, "--model", shared_model_dir, "--keywords", "golden.txt", "--json", *wavs, home=home)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["keyword"] for record in records] == ["light up", "lovely child", "forever"]
    assert [record["timestamps"][0] for record in records] == pytest.approx([3.04, 5.44, 10.88], abs=0.04)
