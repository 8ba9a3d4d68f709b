"""The page in a real browser beside a real daemon: what a person sees, and how soon."""

import base64
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pytest
from soundfile import write as write_wav

from kwsd.audio.file import FileSource
from kwsd.audio.wav import to_pcm, wav_bytes
from kwsd.events import Held, MicLost, NearMiss, Spectrum
from kwsd.stream import Float32
from kwsd.timebase import SAMPLE_RATE
from testkit.browser import DESKTOP, PHONE, chromium, person
from testkit.commands import KWSCTL, run
from testkit.daemons import DaemonProcess, Plug, eventually, phrase, running
from testkit.serving import detection, serving
from testkit.spoken import spoken
from testkit.web import WebProcess, curve, serving_page

SOON_MS, MUTED_MS = 100, 200
VIEWS = ("live", "keywords", "teach", "clips", "tune", "health")
SHOWN = ((DESKTOP, "light"), (PHONE, "dark"))  # in docs/web.md
MODELS = Path(__file__).parents[2] / "models"
EVIL = '<img src=x onerror="document.title=1"><b>x</b>'
EVIL_FILE = EVIL.replace("/", "")
OF_EVERY_OBJECT = "constructor"  # a name that scripts find in every object

STATUS_OF_HTML = {
    "state": "listening",
    "microphone": {"name": EVIL, "open": True},
    "keywords": [EVIL, OF_EVERY_OBJECT],
    "keywords_from": EVIL,
    "thresholds": {EVIL: 0.5},
    "model": EVIL,
    "version": EVIL,
    "pid": 1,
    "uptime_s": 5.0,
    "decode_s": 1.0,
    "detections": 1,
    "lost_ms": 0,
    "overruns": 0,
    "reconnects": 0,
    "waiting_because": EVIL,
    "degraded_because": EVIL,
    "reload_failed_because": EVIL,
}
# when a row of what was heard, or a state, came to be seen
WATCH = """() => {
  window.seen = [];
  window.states = [];
  new MutationObserver((changes) => {
    for (const change of changes) for (const row of change.addedNodes)
      window.seen.push(Date.now() - Date.parse(row.querySelector('time').dateTime));
  }).observe(document.getElementById('heard'), { childList: true });
  new MutationObserver(() => window.states.push([document.getElementById('state').dataset.state, Date.now()]))
    .observe(document.getElementById('state'), { attributes: true, attributeFilter: ['data-state'] });
}"""


@dataclass(frozen=True)
class Stage:
    """A daemon that can be spoken to, and its page."""

    directory: Path
    plug: Plug
    daemon: DaemonProcess
    web: WebProcess
    lessons: WebProcess | None = None
    """The same for a TOML file."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as running_browser:
        yield running_browser


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Iterator[Stage]:
    directory = tmp_path_factory.mktemp("stage")
    plug = Plug(directory)
    plug.plug_in()
    (directory / "keywords.txt").write_text(f"# what is said here\nLIGHT ON\nTURN OFF\nHEY LIGHT @{EVIL}\n")
    with (
        running(directory, tiny_model_dir, "--clips", "--save-detections", str(directory / "clips")) as daemon,
        serving_page(directory, "--model", tiny_model_dir, socket=daemon.socket_path) as web,
    ):
        yield Stage(directory, plug, daemon, web)


def test_what_is_heard_is_seen_at_once_and_plays(browser: Any, stage: Stage) -> None:
    """1. Three phrases: each is seen, half of them within 100 ms of the event. 2. Its sound plays, from a blob."""
    with person(browser, stage.web) as one:
        one.open()
        one.page.evaluate(WATCH)
        for number in range(1, 4):
            stage.plug.say_all(phrase("LIGHT ON"))
            one.page.wait_for_function(f"window.seen.length >= {number}")
        assert median(one.page.evaluate("window.seen")) <= SOON_MS
        button = one.page.locator("#heard .hit .play").first
        button.wait_for(state="visible")
        assert button.get_attribute("aria-label").startswith("Play LIGHT ON")
        button.click()
        one.page.wait_for_selector(".play.playing")
        one.page.wait_for_selector(".play.playing", state="detached")
        assert (one.troubles, one.elsewhere) == ([], [])


def test_mute_is_seen_wherever_it_was_pressed(browser: Any, stage: Stage) -> None:
    """1. Pressed on one of two pages: both show it. 2. Over the socket: likewise. 3. By `kwsctl`. The best of three."""
    waits: dict[str, list[float]] = {"page": [], "other": [], "socket": [], "kwsctl": []}
    with person(browser, stage.web) as one, person(browser, stage.web, PHONE) as other:
        for each in (one, other):
            each.open()
            each.page.evaluate(WATCH)
        for _ in range(3):
            pressed = one.page.evaluate("() => { document.getElementById('mute').click(); return Date.now() }")
            waits["page"].append(_shown(one.page, "muted", pressed))
            waits["other"].append(_shown(other.page, "muted", pressed))
            assert eventually(lambda: not stage.plug.is_open)
            other.page.click("#mute[aria-pressed=true]")
            one.page.wait_for_selector("#state[data-state=listening]")
            pressed = one.page.evaluate("Date.now()")
            stage.daemon.ask(command="mute")
            waits["socket"].append(_shown(one.page, "muted", pressed))
            stage.daemon.ask(command="unmute")
            for each in (one, other):
                each.page.wait_for_selector("#state[data-state=listening]")
            pressed = one.page.evaluate("Date.now()")
            kwsctl = run(KWSCTL, "mute", "--timeout", 20, "--socket", stage.daemon.socket_path, home=stage.directory)
            ended = one.page.evaluate("Date.now()")
            assert kwsctl.returncode == 0, kwsctl.stderr
            waits["kwsctl"].append(_shown(other.page, "muted", pressed) - (ended - pressed))
            stage.daemon.ask(command="unmute")
            for each in (one, other):
                each.page.wait_for_selector("#state[data-state=listening]")
    assert max(map(min, waits.values())) <= MUTED_MS, waits


def _shown(page: Any, state: str, since_ms: float) -> float:
    """Milliseconds until a page showed a state."""
    found = f"window.states.find(([state, at]) => state === '{state}' && at >= {since_ms})"
    page.wait_for_function(f"() => {found}")
    shown_ms: float = page.evaluate(f"{found}[1]")
    return shown_ms - since_ms


def test_a_phrase_is_typed_saved_and_heard(browser: Any, stage: Stage) -> None:
    """Scenario, with the keyboard alone.

    1. The section is chosen, a phrase typed: its pieces are shown. 2. A line that cannot be used: its reason is
    below it. 3. Saved: the bad line arms nothing, the others are in force, the comment stayed. 4. The phrase is said.
    """
    with person(browser, stage.web, PHONE) as one:
        one.open()
        keys = one.page.keyboard
        one.page.focus("nav a[href='#keywords']")
        keys.press("Enter")
        one.page.wait_for_selector("#lines input")
        one.page.focus("#line-add")
        keys.press("Enter")
        keys.type("LIGHT OFF")
        one.page.wait_for_selector("#lines li:last-child .way")
        assert one.page.inner_text("#lines li:last-child .way").split() == ["LIGHT", "·", "OFF"]
        keys.press("Enter")
        keys.type("TURN ON #9")
        fault = one.page.locator("#lines li:last-child .fault")
        fault.wait_for()
        assert "Not listened for" in fault.inner_text()
        assert "#9" in fault.inner_text()
        assert one.page.get_attribute("#lines li:last-child input", "aria-invalid") == "true"
        one.page.focus("#keywords-save")
        keys.press("Enter")
        one.page.wait_for_selector("#keywords-told:not(:empty)")
        assert one.page.inner_text("#keywords-told").startswith("Saved. Listening for 4. — line 6")
        status = stage.daemon.ask(command="status")["data"]
        assert status["keywords"] == ["LIGHT ON", "TURN OFF", EVIL, "LIGHT OFF"]
        written = (stage.directory / "keywords.txt").read_text()
        assert written.startswith("# what is said here\nLIGHT ON\n")
        one.go("live")
        stage.plug.say_all(phrase("LIGHT OFF"))
        one.page.wait_for_selector("#heard .hit .name:text-is('LIGHT OFF')")
        assert one.troubles == []


def test_what_comes_from_outside_is_shown_and_never_rendered(browser: Any, tmp_path: Path) -> None:
    """Names and reasons that are HTML are shown as they are, on the page and in its labels; nothing runs.

    1. Of keywords, as files and programs name them, microphones and sources. 2. Of saved clips. 3. Of curves. 4. A
    keyword that is called as what every object of a script has stops nothing.
    """
    clips = tmp_path / "clips"
    clips.mkdir()
    write_wav(clips / f"20261121T081502.123Z-17-{EVIL_FILE}.wav", np.zeros(1600, np.float32), SAMPLE_RATE)
    (tmp_path / "curves.jsonl").write_text(json.dumps(curve(EVIL)) + "\n")
    with (
        serving(tmp_path / "s") as daemon,
        serving_page(tmp_path, "--curves", tmp_path / "curves.jsonl", socket=tmp_path / "s") as web,
        person(browser, web) as one,
    ):
        daemon.status = {**STATUS_OF_HTML, "save_detections": str(clips)}
        one.page.goto(web.link, wait_until="load")
        one.page.wait_for_selector("#live:not([hidden])")
        assert eventually(lambda: NearMiss.type in daemon.server.wants)
        daemon.bus.publish(replace(detection(1, EVIL), source=EVIL))
        miss = NearMiss(keyword=EVIL, phrase=EVIL, start=0, end=1, score=0.1, min_score=0.1, reason=EVIL)
        daemon.bus.publish(miss)
        daemon.bus.publish(MicLost(microphone=EVIL, reason=EVIL))
        one.page.wait_for_selector("#heard .near")
        assert one.page.locator("#heard .name").all_inner_texts() == [EVIL, EVIL]
        assert one.page.inner_text("#heard .near .why") == f"nearly: {EVIL}"
        daemon.bus.publish(Held(scores={EVIL: 0.25}))
        one.page.wait_for_selector("#held .number:text-is('0.25')")
        assert one.page.locator("#held .name").all_inner_texts() == [EVIL, OF_EVERY_OBJECT]
        one.go("clips")
        assert one.page.inner_text("#saved .name") == EVIL_FILE
        assert EVIL_FILE in one.page.get_attribute("#saved .play", "aria-label")
        one.go("tune")
        one.page.wait_for_selector(".curve .recall")
        assert one.page.get_by_label(f"Threshold of {EVIL}", exact=True).count() == 1
        one.go("health")
        assert EVIL in one.page.inner_text("#facts")
        assert one.page.locator("b, img[src=x]").count() == 0
        assert one.page.title() == "kwsd"
        assert (one.troubles, one.elsewhere) == ([], [])


def test_a_page_left_open_keeps_nothing(browser: Any, tmp_path: Path) -> None:
    """1. 300 phrases and as many pictures: the page keeps 200. 2. 600 more: nodes, listeners and memory as before."""
    with (
        serving(tmp_path / "s") as daemon,
        serving_page(tmp_path, socket=tmp_path / "s") as web,
        person(browser, web) as one,
    ):
        daemon.status = {**STATUS_OF_HTML, "keywords": ["a"], "thresholds": {"a": 0.5}}
        one.page.goto(web.link, wait_until="load")
        assert eventually(lambda: Spectrum.type in daemon.server.wants)
        session = one.page.context.new_cdp_session(one.page)
        kept = []
        for number in range(1, 901):
            picture = base64.b64encode(bytes(16 * 40)).decode()
            daemon.bus.publish(Spectrum(bands=40, column_s=0.02, picture=picture, rms_db=-30.0, peak_db=-20.0))
            daemon.bus.publish(Held(scores={"a": number % 10 / 10}))
            daemon.bus.publish(detection(number))
            if number % 25 == 0:
                there = f"document.querySelector('#heard li[data-number=\"{number}\"]') !== null"
                assert eventually(partial(one.page.evaluate, there), 20)  # a selector's handle keeps the row
            if number % 300 == 0:
                session.send("HeapProfiler.collectGarbage")
                used = session.send("Runtime.getHeapUsage")["usedSize"]
                kept.append({**session.send("Memory.getDOMCounters"), "bytes": used})
        assert one.page.locator("#heard li").count() == 200
        before, _, after = kept
        assert all(after[name] <= 1.05 * before[name] + 20 for name in ("nodes", "jsEventListeners", "documents")), kept
        assert after["bytes"] < before["bytes"] + 500_000, kept
        assert (one.troubles, one.elsewhere) == ([], [])


def test_the_token_opens_it_and_stays_out_of_sight(browser: Any, stage: Stage) -> None:
    """1. Without one: asked for. 2. A wrong one: refused. 3. The right one: open. 4. Loaded again: still open."""
    with person(browser, stage.web) as one:
        one.page.goto(stage.web.link.partition("#")[0], wait_until="load")
        one.page.wait_for_selector("#entrance:not([hidden])")
        assert one.page.locator("#live").is_hidden()
        one.page.keyboard.type("wrong")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#entrance-why:has-text('wrong or missing')")
        one.page.fill("#token", stage.web.link)
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#state[data-state=listening]")
        assert stage.web.token not in one.page.url + one.page.content()
        one.page.reload()
        one.page.wait_for_selector("#state[data-state=listening]")
    with person(browser, stage.web) as one:
        one.open()
        assert stage.web.token not in one.page.url


def test_a_threshold_is_moved_with_the_keyboard(browser: Any, stage: Stage) -> None:
    """1. The slider goes up a few steps: what that would have changed is said. 2. Set: in force in the daemon."""
    stage.plug.say_all(phrase("TURN OFF"))
    with person(browser, stage.web) as one:
        one.open()
        one.page.focus("nav a[href='#tune']")
        one.page.keyboard.press("Enter")
        slider = one.page.get_by_label("Threshold of TURN OFF", exact=True)
        slider.focus()
        before = float(slider.input_value())
        for _ in range(5):
            one.page.keyboard.press("ArrowRight")
        row = one.page.locator("#scores li", has=slider)
        assert re.search(r"keeps (\d+) of \1 that fired", row.inner_text())
        one.page.keyboard.press("Tab")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#scores-told:has-text('TURN OFF fires at')")
        assert stage.daemon.ask(command="status")["data"]["thresholds"]["TURN OFF"] == pytest.approx(before + 0.05)


def test_a_threshold_is_saved_in_the_file(browser: Any, stage: Stage) -> None:
    """1. A slider is moved, Save pressed: the page says so, and the file has it behind the phrase."""
    with person(browser, stage.web) as one:
        one.open()
        one.go("tune")
        slider = one.page.get_by_label("Threshold of LIGHT ON", exact=True)
        slider.focus()
        one.page.keyboard.press("Home")
        one.page.get_by_label("Save the threshold of LIGHT ON in the keyword file", exact=True).click()
        one.page.wait_for_selector("#scores-told:has-text('the keyword file says so')")
        assert "LIGHT ON #0.05\n" in (stage.directory / "keywords.txt").read_text()
        assert one.troubles == []


def test_saved_clips_are_judged_with_the_keyboard(browser: Any, stage: Stage) -> None:
    """1. A phrase is said, its clip listed, and plays. 2. r: right; again: taken back. 3. d: gone, its file too."""
    stage.plug.say_all(phrase("TURN OFF"))
    assert eventually(lambda: any((stage.directory / "clips").glob("*turn_off.wav")))
    with person(browser, stage.web) as one:
        one.open()
        one.go("clips")
        first = one.page.locator("#saved li").first
        first.locator(".play").focus()
        keys = one.page.keyboard
        keys.press("p")
        one.page.wait_for_selector("#saved .play.playing")
        keys.press("r")
        one.page.wait_for_selector("#saved li:first-child .verdict-right[aria-pressed=true]")
        keys.press("r")
        one.page.wait_for_selector("#saved li:first-child .verdict-right[aria-pressed=false]")
        before = len(list((stage.directory / "clips").glob("*.wav")))
        keys.press("d")
        one.page.wait_for_selector(f"#saved li:nth-child({before})", state="detached")
        assert len(list((stage.directory / "clips").glob("*.wav"))) == before - 1
        assert one.troubles == []


def test_takes_are_recorded_by_this_devices_microphone(browser: Any, stage: Stage, tiny_model_dir: Path) -> None:
    """1. A lesson for a text file: told why not. 2. With TOML, background is gathered. 3. Chromium beeps: judged."""
    pytest.importorskip("tomlkit")
    (stage.directory / "taught.toml").write_text('[[keyword]]\nphrase = "LIGHT ON"\n')
    for file, told in (("keywords.txt", "TOML"), ("taught.toml", "once in each take")):
        arguments = ("--keywords", stage.directory / file, "--model", tiny_model_dir, "--port", 0)
        with (
            serving_page(stage.directory, *arguments, socket=stage.daemon.socket_path) as web,
            person(browser, web) as one,
        ):
            one.open()
            one.go("teach")
            one.page.fill("#teach-name", EVIL)
            one.page.keyboard.press("Enter")
            one.page.wait_for_selector(f"#teach-told:has-text('{told}')")
            if file == "keywords.txt":
                continue
            assert one.page.is_checked("#source-own")
            one.page.click("#room-listen")
            one.page.wait_for_selector("#room-told:has-text('do not say the keyword')")
            assert one.page.is_disabled("#teach-say")
            one.page.click("#room-listen")
            one.page.wait_for_selector("#room-told:has-text('min of your room')")
            one.page.click("#teach-say")
            one.page.wait_for_selector("#takes .refused, #takes .good")
            assert (one.troubles, one.elsewhere) == ([], [])


def demo_sound() -> Float32:
    """What is said there."""
    return np.concatenate([chunk.samples for chunk in FileSource(MODELS / "demo.wav")])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Kwsd as it comes, in a room where two of its phrases have been said."""
    directory = tmp_path_factory.mktemp("demo")
    plug = Plug(directory)
    plug.plug_in()
    (directory / "keywords.txt").write_text(
        "# in the kitchen\nhey computer\nturn on the kitchen lights\nstop the alarm #x\n"
    )
    (directory / "taught.toml").write_text('[[keyword]]\nphrase = "hey computer"\n')
    (directory / "config.toml").write_text('[web]\ncurves = "curves.jsonl"\n')
    (directory / "curves.jsonl").write_text(json.dumps(curve("hey computer")) + "\n")
    with (
        running(directory, MODELS / "kwsd-en", "--clips", "--save-detections", str(directory / "clips")) as daemon,
        serving_page(directory, "--config", directory / "config.toml", socket=daemon.socket_path) as web,
        serving_page(directory, "--keywords", directory / "taught.toml", socket=daemon.socket_path) as lessons,
    ):
        plug.say_all(demo_sound()[: 11 * SAMPLE_RATE])
        yield Stage(directory, plug, daemon, web, lessons)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_fit_for_everybody(browser: Any, demo: Stage, size: tuple[int, int], scheme: str) -> None:
    """No section has a fault that axe-core calls serious, or is wider than the screen, a lesson neither."""
    name = f"{{}}-{'phone' if size == PHONE else 'desktop'}-{scheme}" if (size, scheme) in SHOWN else ""
    with person(browser, demo.web, size, scheme) as one:
        one.open()
        one.page.wait_for_selector("#heard .hit:nth-child(2)")
        for view in VIEWS:
            one.go(view)
            if view == "keywords":
                one.page.wait_for_selector("#lines .fault")
            if view == "clips":
                one.page.wait_for_selector("#saved li")
            if view == "tune":
                one.page.wait_for_selector(".curve .recall")
                assert "Measured: hears" in one.page.inner_text("#scores li:first-child")
                slider = one.page.get_by_label("Threshold of hey computer", exact=True)
                before = float(slider.input_value())
                one.page.locator("#scores li:first-child .curve").click()
                assert float(slider.input_value()) != before, "the curve's middle is 0.53"
            if view == "live" and one.page.locator(".said[open]").count() == 0:
                one.page.click("#heard li:first-child summary")
            _is_fit(one.page, view)
            if view == "live" and name and "KWSD_SCREENSHOTS" in os.environ:
                demo.plug.say(demo_sound()[: 9 * SAMPLE_RATE])
                one.page.wait_for_timeout(6000)
                one.page.wait_for_selector("#held .over")
            if view != "teach":
                _photograph(one.page, name.format(view))
    assert demo.lessons is not None
    with person(browser, demo.lessons, size, scheme) as one:
        one.open()
        one.go("teach")
        _take_a_lesson(one.page, demo.lessons)
        _is_fit(one.page, "a lesson")
        _photograph(one.page, name.format("teach"))


def test_a_lesson_is_learned_and_written_by_keyboard(browser: Any, demo: Stage) -> None:
    """1. Three takes are there. 2. Learn: what they lead to. 3. Write: it is in the file. 4. Begun again: no takes."""
    assert demo.lessons is not None
    with person(browser, demo.lessons, PHONE) as one:
        one.open()
        one.go("teach")
        _take_a_lesson(one.page, demo.lessons)
        one.page.focus("#teach-learn")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#learned li:has-text('False alarms to be expected')")
        assert "of 3 takes are heard" in one.page.inner_text("#learned li:first-child")
        one.page.focus("#teach-keep")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#teach-told:has-text('Written. Listening for 2.')")
        assert 'phrase = "hadouken"' in (demo.directory / "taught.toml").read_text()
        one.page.focus("#teach-name")
        one.page.keyboard.press("Enter")
        one.page.wait_for_selector("#teach-told:has-text('once in each take.')")
        assert one.page.locator("#takes li").count() == 0
        assert one.page.is_hidden("#teach-anew")
        assert (one.troubles, one.elsewhere) == ([], [])


def _is_fit(page: Any, what: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="no axe: scripts/environment test lint bench browser"
    )
    found = axe.Axe().run(page).response["violations"]
    grave = [fault for fault in found if fault["impact"] in {"serious", "critical"}]
    assert [(fault["id"], fault["nodes"][0]["html"]) for fault in grave] == [], what
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, what


def _take_a_lesson(page: Any, web: WebProcess) -> None:
    """The page shows takes that an earlier one recorded."""
    pytest.importorskip("tomlkit")
    assert web.ask("/api/teach/begin", {"name": "hadouken", "anew": True}).status == 200
    for speed in (150, 160, 170):
        hiss = np.random.default_rng(speed).normal(0, 3e-4, 12_000).astype(np.float32)
        take = wav_bytes(to_pcm(np.concatenate([hiss, spoken("ha do ken", speed=speed), hiss])))
        assert web.ask("/api/teach/take", body=take, Content_Type="audio/wav").json["refused"] is None
    page.fill("#teach-name", "hadouken")
    page.keyboard.press("Enter")
    page.wait_for_selector("#takes .good:nth-child(3)")
    assert "Takes of the last hour are there again: 3" in page.inner_text("#teach-told")
    assert page.is_enabled("#teach-learn")


def _photograph(page: Any, name: str) -> None:
    """For the pages of docs/, where they are to be renewed."""
    if name and (folder := os.environ.get("KWSD_SCREENSHOTS")):
        page.wait_for_timeout(600)
        page.screenshot(path=f"{folder}/{name}.png")
