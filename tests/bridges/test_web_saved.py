"""Saved clips judged from the page: listed, heard, marked for `kwsctl tune`, deleted; a browser names no file."""

from pathlib import Path

from kwsd.tuning.marks import Marks
from kwsd.tuning.review import saved_clips
from testkit.daemons import Plug, eventually, phrase, running
from testkit.web import serving_page


def test_clips_are_heard_and_judged(tmp_path: Path, tiny_model_dir: Path) -> None:
    """Scenario.

    1. Two phrases are said to a daemon that saves: both are listed, the newest first, and sound. 2. One is marked
    right, as the command line has it, and no longer; the other deleted. 3. What is no number of ours is refused.
    """
    plug, folder = Plug(tmp_path), tmp_path / "clips"
    plug.plug_in()
    (tmp_path / "clips").mkdir(mode=0o700)
    with (
        running(tmp_path, tiny_model_dir, "--save-detections", str(folder)) as daemon,
        serving_page(tmp_path, "--model", tiny_model_dir, socket=daemon.socket_path) as web,
        web.page() as page,
    ):
        page.status_with("listening")
        assert web.ask("/api/saved").json == {"folder": str(folder), "clips": [], "more": 0}
        for text in ("LIGHT ON", "TURN OFF"):
            plug.say_all(phrase(text))
            assert page.read_until("detection")["keyword"] == text
        assert eventually(lambda: len(saved_clips(folder)) == len(("LIGHT ON", "TURN OFF")), 15)
        newest, oldest = web.ask("/api/saved").json["clips"]
        assert (newest["keyword"], oldest["keyword"], newest["near_miss"], newest["mark"]) == (
            "turn_off",
            "light_on",
            False,
            None,
        )
        assert newest["time"] > oldest["time"]
        sound = web.ask(f"/api/saved/{oldest['number']}")
        assert (sound.status, sound.headers["content-type"], sound.body[:4]) == (200, "audio/wav", b"RIFF")

        def judge(clip: dict[str, object], verdict: object) -> int:
            return web.ask("/api/saved/judge", {"number": clip["number"], "verdict": verdict}).status

        assert judge(oldest, "right") == 200
        first, second = saved_clips(folder)
        assert Marks(folder).of(first.path) == web.ask("/api/saved").json["clips"][1]["mark"] == "right"
        assert judge(oldest, None) == 200
        assert Marks(folder).of(first.path) is None
        assert judge(newest, "delete") == 200
        assert (first.path.exists(), second.path.exists()) == (True, False)
        assert web.ask(f"/api/saved/{newest['number']}").status == judge(newest, "right") == 409
        assert judge(oldest, "gone") == judge({"number": "1"}, "right") == 422
        assert judge({"number": 99}, "delete") == web.ask("/api/saved/99").status == 409
        for wrong in ("/api/saved/../clips", f"/api/saved/{first.path.name}", "/api/saved/%2e%2e%2fpasswd"):
            assert web.ask(wrong).status == 404


def test_where_nothing_is_saved_the_page_says_how(tmp_path: Path, tiny_model_dir: Path) -> None:
    with serving_page(tmp_path, "--model", tiny_model_dir, socket=tmp_path / "none") as web:
        told = web.ask("/api/saved")
        assert (told.status, "--save-detections DIR" in told.json["error"]) == (409, True)
