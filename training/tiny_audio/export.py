"""A directory that transformers.pipeline loads: our code, the configuration, and the projector's weights."""

import json
from pathlib import Path

import torch
from transformers import AutoConfig

from training.tiny_audio import shipped
from training.tiny_audio.shipped.configuration_tiny_audio import TinyAudioConfig
from training.tiny_audio.shipped.modeling_tiny_audio import TinyAudio

PACKAGE = "training.tiny_audio.shipped."
TASK = "automatic-speech-recognition"
MAP = {
    "AutoConfig": "configuration_tiny_audio.TinyAudioConfig",
    "AutoModelForSpeechSeq2Seq": "modeling_tiny_audio.TinyAudio",
    "AutoProcessor": "processing_tiny_audio.TinyAudioProcessor",
}
PIPELINE = {TASK: {"impl": "pipeline_tiny_audio.TinyAudioPipeline", "pt": ["AutoModelForSpeechSeq2Seq"]}}


def export(run: Path, output: Path) -> None:
    """Write the directory from a run's checkpoint. Raises FileNotFoundError: there is none."""
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.exists():
        raise FileNotFoundError(f"{run}: holds no checkpoint.pt; train writes one")
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
    model = TinyAudio(TinyAudioConfig.from_pretrained(run))
    model.projector.load_state_dict(kept["projector"])
    write(model, output)


def write(model: TinyAudio, output: Path) -> None:
    """Write the directory of a model."""
    output.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(output)
    path = output / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config |= {"auto_map": MAP, "custom_pipelines": PIPELINE, "architectures": ["TinyAudio"]}
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    for module in Path(shipped.__file__).parent.glob("*_tiny_audio.py"):
        code = module.read_text(encoding="utf-8").replace(f"from {PACKAGE}", "from .")
        (output / module.name).write_text(code, encoding="utf-8")
    AutoConfig.from_pretrained(output, trust_remote_code=True)  # it can be read
