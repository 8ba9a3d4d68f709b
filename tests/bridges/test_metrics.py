"""`kwsctl metrics` of a running daemon, read by Prometheus' own parser."""

import json
import re
import subprocess
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kwsd.bridges.metrics import metrics_text
from testkit.commands import run
from testkit.daemons import KWSCTL, Plug, eventually, phrase, running


def samples(text: str) -> dict[str, float]:
    """Name with labels → value."""
    return {
        sample.name + "".join(f"{{{key}={value}}}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_running_daemon_is_measured(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. A daemon hears a phrase: printed, written and scraped, the same is said. 2. It is muted. 3. It is gone: the file
    says so, and the command fails.
    """
    plug = Plug(tmp_path)
    plug.plug_in()
    textfile = tmp_path / "kwsd.prom"
    with running(tmp_path, tiny_model_dir) as daemon:
        command = (KWSCTL, "metrics", "--socket", daemon.socket_path)
        plug.say_all(phrase("LIGHT ON"))
        assert eventually(lambda: daemon.ask(command="status")["data"]["detections"] == 1)
        printed = samples(run(*command, home=tmp_path).stdout)
        assert printed["kwsd_up"] == printed["kwsd_microphone_open"] == printed["kwsd_state{state=listening}"] == 1
        assert printed["kwsd_keywords"] == 3
        assert printed["kwsd_audio_seconds_total"] > 1
        assert printed["kwsd_detections_total{keyword=LIGHT ON}"] == 1
        assert printed["kwsd_chunks_total"] > 1
        decode_s, audio_s = printed["kwsd_decode_seconds_total"], printed["kwsd_audio_seconds_total"]
        assert printed["kwsd_real_time_ratio"] == pytest.approx(decode_s / audio_s)
        assert 0 < printed["kwsd_decode_seconds_total"] < printed["kwsd_audio_seconds_total"]
        assert run(*command, "--textfile", textfile, home=tmp_path).returncode == 0
        assert samples(textfile.read_text()).keys() == printed.keys()
        assert (textfile.stat().st_mode & 0o777, list(tmp_path.glob(".kwsd.prom*"))) == (0o644, [])

        server = subprocess.Popen([*map(str, command), "--http", "0"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            address = server.stdout.readline().strip()
            daemon.ask(command="mute")
            with urllib.request.urlopen(address) as answer:  # noqa: S310 - it is ours, on loopback
                scraped = samples(answer.read().decode())
            assert (scraped["kwsd_muted"], scraped["kwsd_microphone_open"]) == (1, 0)
            daemon.process.terminate()
            assert daemon.wait() == 0
            with urllib.request.urlopen(address) as answer:  # noqa: S310 - likewise
                assert samples(answer.read().decode()) == {"kwsd_up": 0}
        finally:
            server.kill()
            server.wait()
            server.stdout.close() if server.stdout else None
        done = run(*command, "--textfile", textfile, home=tmp_path)
        assert (done.returncode, samples(textfile.read_text())) == (1, {"kwsd_up": 0})


STATUS = {
    "version": "1",
    "model": "m",
    "state": "listening",
    "degraded": False,
    "microphone": {"name": "x", "open": True},
    "keywords": ["a", "b"],
    "uptime_s": 3.0,
    "progress_age_s": 0.1,
    "backlog_ms": 20,
    "stream_time": 2.5,
    "overruns": 1,
    "lost_ms": 40.0,
    "reconnects": 0,
    "bad_chunks": 0,
    "dropped_events": 0,
    "subscribers": 2,
    "reloads": 1,
    "failed_reloads": 2,
    "detections_by_keyword": {'say "hi"\n': 3},
    "decode_s": 0.5,
}


def test_names_follow_the_conventions_and_labels_hold_whatever_a_keyword_is_called() -> None:
    text = metrics_text(lambda: STATUS).decode()
    found = list(text_string_to_metric_families(text))
    assert samples(text)['kwsd_detections_total{keyword=say "hi"\n}'] == 3
    for family in found:
        assert re.fullmatch(r"kwsd_[a-z_]+", family.name)
        assert not re.search(r"_(ms|milliseconds|percent|created)$", family.name)
        assert family.documentation.endswith(".")
        assert all(s.name.endswith("_total") == (family.type == "counter") for s in family.samples), family.name


def test_dashboard_and_alerts_ask_for_metrics_that_there_are() -> None:
    """By name; Prometheus itself is not at hand."""
    pages = Path(__file__).parents[2] / "docs" / "bridges"
    status = {**STATUS, "near_misses_by_keyword": {"a": 1}}
    known = {name.partition("{")[0] for name in samples(metrics_text(lambda: status).decode())}
    dashboard = json.loads((pages / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    asked += (pages / "alerts.yml").read_text()
    assert set(re.findall(r"kwsd_[a-z_]+", asked)) <= known


@pytest.mark.parametrize("broken", ["no/such/directory/kwsd.prom"])
def test_a_file_that_cannot_be_written_is_named(tmp_path: Path, broken: str) -> None:
    done = run(KWSCTL, "metrics", "--socket", tmp_path / "none", "--textfile", tmp_path / broken, home=tmp_path)
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
