"""A store that is made on one machine, and searched on another."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from kwsd.acoustic import choice
from kwsd.acoustic.encoder import Encoder
from kwsd.cli.kwsd_archive import make_parser, work
from kwsd.config import load_settings
from testkit.archives import Here, pieces

if TYPE_CHECKING:
    from kwsd.archive.cluster import Workers

SHIPPED = Path(__file__).parents[2] / "models" / "kwsd-en"


def test_frames_are_of_one_encoder_whichever_is_quickest_on_a_machine(
    talk: Path, keywords: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Scenario.

    1. A machine of arm64, where another encoder than on x86-64 was measured to be quicker: its workers encode with the
    one that all have. 2. So do those of another, which would be asked for a choice of their own: it searches the store.
    """
    monkeypatch.setattr(choice, "TIMED_ON", (os.uname().machine,))
    monkeypatch.setenv("CACHE_DIRECTORY", str(tmp_path / "cache"))
    monkeypatch.setattr(choice, "measured", lambda *_: Encoder(SHIPPED / "encoder.int8.onnx"))
    settings = load_settings({"model": str(SHIPPED), "keywords": str(keywords)}, environ={}).settings
    for words in (["index", str(talk / "plain.wav")], ["search"]):
        arguments = make_parser().parse_args([*words, "--store", str(tmp_path / "store")])
        assert work(arguments, settings, tmp_path / "store", cast("Workers", Here())) == 0
    (piece,) = pieces(tmp_path / "store")
    assert piece.parent.name == Encoder(SHIPPED / "encoder.compact.onnx").fingerprint
