"""Stands for `kwsd[asr]`: `transformers` and `torch` of a few lines, for the real worker in its real process."""

from pathlib import Path

TORCH = """\
class backends:
    class mkldnn:
        enabled = True

def set_num_threads(number):
    pass
"""
TRANSFORMERS = """\
import os, pathlib, time, torch

class logging:
    def set_verbosity_error():
        pass

def pipeline(task, model, device, trust_remote_code):
    how = (pathlib.Path(model) / "how").read_text()
    if how == "broken":
        raise OSError("no config.json")

    def written(sound, **asked):
        print("a library that prints", flush=True)
        if how == "hang":
            time.sleep(60)
        if how == "die":
            os._exit(7)
        if how == "flood":
            return {"text": "x" * (2 << 20)}
        if how == "rubbish":
            return [3]
        return {"text": f" {len(sound['raw'])} samples, mkldnn {torch.backends.mkldnn.enabled}"}

    return written
"""


def write_stand_in(modules: Path, model: Path, how: str) -> None:
    """The modules, for PYTHONPATH, and a model's directory: `how` it is to fail, or anything else."""
    for directory in (modules, model):
        directory.mkdir(parents=True, exist_ok=True)
    (modules / "torch.py").write_text(TORCH)
    (modules / "transformers.py").write_text(TRANSFORMERS)
    (model / "config.json").write_text("{}")
    (model / "how").write_text(how)
