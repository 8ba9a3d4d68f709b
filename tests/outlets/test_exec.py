"""`--exec`: real processes, with the fields of a detection in their environment."""

import asyncio
import os
import shlex
import time
from pathlib import Path

import psutil
import pytest

from kwsd.errors import ConfigError
from kwsd.events import Muted
from kwsd.outlets.exec import ExecOutlet
from kwsd.outlets.recent_audio import RecentAudio
from testkit.daemons import eventually
from testkit.serving import detection


def run_hook(command: str, keywords: list[str], limit: int = 4, timeout_s: float = 5, for_s: float = 5) -> ExecOutlet:
    """Detections at once, then wait until all commands have ended, for so long at most."""

    async def play() -> ExecOutlet:
        hook = ExecOutlet(command, limit=limit, timeout_s=timeout_s, recent={"": RecentAudio(1)})
        hook.take(Muted())
        for number, keyword in enumerate(keywords):
            hook.take(detection(number, keyword))
        await hook.close(for_s)
        return hook

    return asyncio.run(play())


def test_the_fields_are_in_the_environment_and_no_shell_is_involved(tmp_path: Path) -> None:
    """A keyword full of shell syntax arrives as it is, and nothing is expanded in the command."""
    script = tmp_path / "hook"
    script.write_text(f'#!/bin/sh\nenv | grep ^KWSD_ > "{tmp_path}/$KWSD_ID"\necho "$1" >> "{tmp_path}/$KWSD_ID"\n')
    script.chmod(0o755)
    run_hook(f"{script} '$(id) *'", ["$(touch /tmp/x); `id` \"'"])
    lines = (tmp_path / "0").read_text().splitlines()
    assert "KWSD_KEYWORD=$(touch /tmp/x); `id` \"'" in lines
    assert {"KWSD_START=1.0", "KWSD_END=1.5", "KWSD_SCORE=0.9", "KWSD_TOKENS=▁A"} < set(lines)
    assert lines[-1] == "$(id) *"


def test_only_so_many_run_at_once(caplog: pytest.LogCaptureFixture) -> None:
    hook = run_hook("sleep 0.5", ["a"] * 10, limit=2)
    assert hook.skipped == 8
    assert caplog.text.count("skipping") == 1, "one line, not eight"


def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    script = tmp_path / "hook"
    script.write_text(f"#!/bin/sh\nsleep 60 &\necho $! > {tmp_path}/child\nwait\n")
    script.chmod(0o755)
    began_s = time.monotonic()
    run_hook(str(script), ["a"], timeout_s=0.3)
    assert time.monotonic() - began_s < 3
    child = int((tmp_path / "child").read_text())
    assert eventually(lambda: is_gone(child)), "killed is not yet ended, on a busy machine"


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def test_one_that_ignores_the_request_to_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kwsd.outlets.exec._KILL_AFTER_S", 0.3)
    script = tmp_path / "hook"
    script.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    script.chmod(0o755)
    began_s = time.monotonic()
    run_hook(str(script), ["a"], timeout_s=0.3)
    assert time.monotonic() - began_s < 3


def test_one_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    run_hook("false", ["a"])
    assert "false exited with 1" in caplog.text


def test_what_it_writes_is_logged_up_to_a_bound(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Both streams, also of a child that lives on; one that writes for ever neither waits nor fills the log."""
    caplog.set_level("INFO")
    run_hook("sh -c 'echo out; echo err >&2; (sleep 0.2; echo late) &'", ["a"])
    assert {"exec: sh: out", "exec: sh: err"} <= set(caplog.messages)
    caplog.clear()
    script = tmp_path / "hook"
    script.write_text(f"#!/bin/sh\nhead -c 300000 /dev/zero | tr '\\0' x\ntouch {tmp_path}/done\n")
    script.chmod(0o755)
    run_hook(str(script), ["a", "b"])
    assert (tmp_path / "done").exists()
    assert len(caplog.text) < 2 * 4096 + 2000
    assert caplog.text.count("writes more than") == 2


def test_one_that_vanishes_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    script = tmp_path / "hook"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)

    async def play() -> None:
        hook = ExecOutlet(str(script), limit=1, timeout_s=1, recent={"": RecentAudio(1)})
        script.unlink()
        hook.take(detection(1))
        await hook.close(5)

    asyncio.run(play())
    assert "No such file or directory" in caplog.text


@pytest.mark.parametrize(
    "command", ["echo $KWSD_KEYWORD", "echo a >> heard.txt", "echo a | tee b", "touch 'x$KWSD_ID'"]
)
def test_what_only_a_shell_would_do_is_refused_with_the_command_that_does_it(tmp_path: Path, command: str) -> None:
    """And what the message says to write works."""
    with pytest.raises(ConfigError, match="no shell runs it") as refused:
        ExecOutlet(command, limit=1, timeout_s=1, recent={"": RecentAudio(1)})
    remedy = str(refused.value).split("; write ")[1]
    assert remedy == f"sh -c {shlex.quote(command)}"
    run_hook(f"sh -c {shlex.quote(f'cd {tmp_path}; {command}')}", ["a"])
    assert list(tmp_path.iterdir()) or command == "echo $KWSD_KEYWORD"


@pytest.mark.parametrize("command", ["", "no-such-program-here", "'unclosed", str(Path(os.sep) / "etc" / "passwd")])
def test_a_command_that_cannot_run_is_a_wrong_setting(command: str) -> None:
    with pytest.raises(ConfigError, match="exec: "):
        ExecOutlet(command, limit=1, timeout_s=1, recent={"": RecentAudio(1)})


def test_an_empty_command_is_told_as_one() -> None:
    with pytest.raises(ConfigError, match="there is nothing to run"):
        ExecOutlet(" ", limit=1, timeout_s=1, recent={"": RecentAudio(1.0)})


def test_a_program_that_may_not_be_run_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("#!/bin/sh\n")
    with pytest.raises(ConfigError, match=r"may not be run; chmod \+x"):
        ExecOutlet(str(tmp_path / "hook"), limit=1, timeout_s=1.0, recent={"": RecentAudio(1)})
    with pytest.raises(ConfigError, match="no such program"):
        ExecOutlet(str(tmp_path / "nothing"), limit=1, timeout_s=1.0, recent={"": RecentAudio(1)})
