"""What was lost is told where it is looked for: by the status, the doctor and the metrics."""

from pathlib import Path

from testkit.commands import KWSCTL, run
from testkit.daemons import Plug, eventually, phrase, running


def test_sound_that_was_not_saved_and_commands_that_were_not_run(
    tmp_path: Path, tiny_model_dir: Path, plug: Plug
) -> None:
    """Scenario.

    1. Sound is to be saved, and a command to be run, one at a time. 2. The directory is gone, a file in its place; the
    command does not end. 3. A phrase is said twice.

    Result: two files are missing and one command, says everybody.
    """
    clips = tmp_path / "clips"
    environment = {"KWSD_DAEMON_EXEC_LIMIT": "1", "KWSD_DAEMON_EXEC_TIMEOUT_S": "60"}
    arguments = ("--save-detections", str(clips), "--exec", "sleep 50")
    with running(tmp_path, tiny_model_dir, *arguments, environment=environment) as daemon:
        status = daemon.ask(command="status")["data"]
        assert (status["lost_files"], status["skipped_commands"]) == (0, 0)
        clips.rmdir()
        clips.touch()
        for _ in range(2):
            plug.say(phrase("LIGHT ON"))
        assert eventually(lambda: daemon.ask(command="status")["data"]["lost_files"] == 2, 15)
        assert daemon.ask(command="status")["data"]["skipped_commands"] == 1
        common = ("--socket", daemon.socket_path)
        shown = run(KWSCTL, "status", *common, home=tmp_path).stdout
        assert "not saved   2 files of sound\n" in shown
        assert "not run     1 commands, for others still ran\n" in shown
        found = run(KWSCTL, "doctor", *common, "--model", tiny_model_dir, home=tmp_path).stdout
        assert "2 files of sound could not be saved" in found
        assert "1 commands were not run, for others still ran" in found
        metrics = run(KWSCTL, "metrics", *common, home=tmp_path).stdout.splitlines()
        assert {"kwsd_lost_files_total 2.0", "kwsd_skipped_commands_total 1.0"} <= {*metrics}
