"""The training loop: resumable at any moment; a step depends on the one before, the seed and its number alone."""

import os
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import torch

from measure.progress import say
from training.tiny_audio import curve, material
from training.tiny_audio.batches import batch
from training.tiny_audio.ctc import Ctc, vocabulary_of
from training.tiny_audio.material import Material, Utterance
from training.tiny_audio.settings import TrainSettings, learning_rate
from training.tiny_audio.shipped.configuration_tiny_audio import TinyAudioConfig
from training.tiny_audio.shipped.modeling_tiny_audio import SPEECH, TinyAudio, open_decoder

CHECKPOINT = "checkpoint.pt"
ASKED = "Repeat this:"
EXAMPLES = (
    "and so it was that he came home",
    "seven of the ships went through bridal channel after noon",
    "i never said a wordy thing about mister allen",
    "she holdst the lamp up on highly near to her eyes",
)
"""For a decoder with a chat template: what is badly heard is repeated as well. Of one alone it repeats the example."""
DEV_CTC, DEV_DECODER = 100, 16
"""Utterances that are heard for a line of the curve."""
BEGIN = 200
"""Utterances whose frames say how to begin."""
CLIP = 1.0
SAVE_S = 60.0
SHAPE = {"stack", "projector_size"}
"""Settings that cannot change while a run goes on."""


@dataclass(slots=True)
class Progress:
    """How far a run has come; in its checkpoint."""

    step: int = 0
    hours_heard: float = 0.0
    minutes: float = 0.0


class Run:
    """One run in one folder."""

    def __init__(
        self, data: Material, folder: Path, settings: TrainSettings, dtype: torch.dtype = torch.float32
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        self.data, self.folder, self.settings = data, folder, settings
        self.train, self.dev = data.of("train"), data.of("dev")
        self.train.sort(key=lambda each: each.seconds)
        decoder, tokenizer = open_decoder(settings.decoder, dtype)
        kept = self._kept()
        known = kept["vocabulary"] if kept else ()
        vocabulary = vocabulary_of(tokenizer, [each.text for each in self.train], known)
        config = TinyAudioConfig(
            data.encoder,
            str(Path(settings.decoder).absolute()),
            encoder_size=data.size,
            decoder_size=decoder.get_input_embeddings().embedding_dim,
            projector_size=settings.projector_size,
            stack=settings.stack,
            vocabulary_size=len(vocabulary) if settings.ctc_steps else 0,
            mixed=bool(settings.mixed),
            prompt=settings.prompt or prompt_of(tokenizer),
        )
        self.model = TinyAudio(config)
        self.model.set_decoder(decoder, tokenizer)
        self.ctc = Ctc(self.model, vocabulary)
        self._begin()
        self.optimizer = torch.optim.AdamW(self.model.projector.parameters(), betas=(0.9, 0.98), weight_decay=0.01)
        self.progress = Progress()
        if kept:
            self._resume(kept)

    def _kept(self) -> dict[str, Any] | None:
        path = self.folder / CHECKPOINT
        return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None

    @torch.no_grad()
    def _begin(self) -> None:
        """Weights as if frames were centred and alike in spread, and outputs where embeddings have their middle."""
        projector, some = self.model.projector, torch.cat(self.frames(spread(self.train, BEGIN)))
        projector.vocabulary.copy_(torch.tensor(self.ctc.vocabulary[: len(projector.vocabulary)]))
        mean, deviation = some.mean(0), some.std(0) + 1e-5
        projector.first.weight /= deviation.repeat(projector.stack)
        projector.first.bias -= projector.first.weight @ mean.repeat(projector.stack)
        projector.last.bias.copy_(self.model.embedded(self.ctc.vocabulary).float().mean(0))

    def _resume(self, kept: dict[str, Any]) -> None:
        kept["projector"].pop("vocabulary", None)  # it may have grown, as the prepared utterances have
        self.model.projector.load_state_dict(kept["projector"], strict=False)
        self.optimizer.load_state_dict(kept["optimizer"])
        self.progress = Progress(**kept["progress"])

    def save(self) -> None:
        """Write everything that the run needs to go on: the old file or the new one, never half of it."""
        part = self.folder / "checkpoint.part"
        kept = {
            "projector": self.model.projector.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
            "settings": asdict(self.settings),
            "vocabulary": self.ctc.vocabulary,
        }
        with part.open("wb") as file:
            torch.save(kept, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.folder / CHECKPOINT)
        self.model.config.save_pretrained(self.folder)

    def frames(self, utterances: Sequence[Utterance]) -> list[torch.Tensor]:
        """The encoder's frames (T, C) of each."""
        spans = [self.data.frames[each.first : each.first + each.count] for each in utterances]
        return [torch.from_numpy(np.asarray(span, np.float32)) for span in spans]

    def labels(self, utterances: Sequence[Utterance]) -> list[list[int]]:
        """What the decoder is to write of each, and that it then ends."""
        end = self.model.tokenizer.eos_token_id
        return [[*self.model.tokenizer(each.text, add_special_tokens=False).input_ids, end] for each in utterances]

    def loss(self, utterances: Sequence[Utterance], frames: Sequence[torch.Tensor], *, by_ctc: bool) -> torch.Tensor:
        """Nats per token, by one of the two."""
        made = self.model.projector(frames)
        if by_ctc:
            return self.ctc.loss(made, [each.text for each in utterances])
        loss: torch.Tensor = self.model(made, self.labels(utterances))
        return loss

    def step(self) -> float:
        """Learn from one batch; gives its loss."""
        settings, number = self.settings, self.progress.step
        by_ctc = number < settings.ctc_steps
        seconds = settings.ctc_batch_seconds if by_ctc else settings.batch_seconds
        utterances = batch(self.train, seconds, settings.seed, number)
        torch.manual_seed(settings.seed * 1_000_003 + number)
        frames = [torch.nn.functional.dropout(each, settings.dropout) for each in self.frames(utterances)]
        made, texts = self.model.projector(frames), [each.text for each in utterances]
        ctc = self.ctc.loss(made, texts) if by_ctc or settings.ctc_weight else torch.zeros(())
        loss = ctc if by_ctc else self.model(made, self.labels(utterances))
        self.optimizer.zero_grad()
        (loss if by_ctc else loss + settings.ctc_weight * ctc).backward()
        torch.nn.utils.clip_grad_norm_(self.model.projector.parameters(), CLIP)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(settings, number)
        self.optimizer.step()
        self.progress.step += 1
        self.progress.hours_heard += sum(each.seconds for each in utterances) / 3600
        return float(loss.detach())

    @torch.no_grad()
    def judge(self, *, by_ctc: bool) -> tuple[float, float]:
        """Loss on dev utterances, and how many of their words are wrong by CTC alone."""
        heard = spread(self.dev or self.train, DEV_CTC)
        few = heard if by_ctc else spread(heard, DEV_DECODER)
        losses = [
            self.loss(few[at : at + 8], self.frames(few[at : at + 8]), by_ctc=by_ctc).item()
            for at in range(0, len(few), 8)
        ]
        read = [self.ctc.read(self.model.projector(self.frames([each])))[0] for each in heard]
        return float(np.mean(losses)), float(jiwer.wer([each.text for each in heard], read))


def train(
    data: Path, folder: Path, settings: TrainSettings, dtype: torch.dtype = torch.float32, minutes: float = 0.0
) -> Run:
    """Train until `settings.steps`, or for so many minutes; goes on from the folder's checkpoint."""
    run = Run(material.read(data), folder, settings, dtype)
    progress, began_min = run.progress, time.monotonic() / 60
    ended_min, saved_s, losses = progress.minutes, time.monotonic(), list[float]()
    while progress.step < settings.steps and (not minutes or progress.minutes - ended_min < minutes):
        by_ctc = progress.step < settings.ctc_steps
        losses.append(run.step())
        progress.minutes = ended_min + time.monotonic() / 60 - began_min
        turns = progress.step in {settings.ctc_steps, settings.steps}
        if turns or progress.step % settings.dev_every == 0:
            dev_loss, dev_wer = run.judge(by_ctc=by_ctc)
            loss, losses = float(np.mean(losses)), []
            kind = "ctc" if by_ctc else "decoder"
            curve.append(
                folder, curve.Line(progress.step, kind, loss, dev_loss, dev_wer, progress.hours_heard, progress.minutes)
            )
            say(f"step {progress.step}, {kind}: {loss:.3f}, dev {dev_loss:.3f}, {100 * dev_wer:.1f} % wrong by CTC")
        if turns or time.monotonic() - saved_s > SAVE_S:
            run.save()
            saved_s = time.monotonic()
    run.save()
    return run


def settings_of(folder: Path, given: dict[str, Any]) -> TrainSettings:
    """Those of the run in the folder, if there is one, but for what is given.

    Raises:
        ValueError: a run begins without a decoder, or goes on with a projector of another shape.
    """
    path = folder / CHECKPOINT
    kept = torch.load(path, map_location="cpu", weights_only=True)["settings"] if path.exists() else {}
    for name in SHAPE & kept.keys() & given.keys():
        if kept[name] != given[name]:
            raise ValueError(f"{folder}: its run has {name} {kept[name]}; name another folder to begin anew")
    if "decoder" not in {**kept, **given}:
        raise ValueError("a run begins with --decoder DIRECTORY or --decoder FILE.gguf")
    return TrainSettings(**{**kept, **given})


def prompt_of(tokenizer: Any) -> str:
    """What asks a decoder to repeat what it hears, in the form that its chat template gives, if it has one."""
    if not tokenizer.chat_template:
        return f"{ASKED}{SPEECH}\nAgain: "
    asked = [
        {"role": role, "content": content}
        for example in EXAMPLES
        for role, content in (("user", f"{ASKED} {example}"), ("assistant", example))
    ]
    asked.append({"role": "user", "content": ASKED + SPEECH})
    return str(tokenizer.apply_chat_template(asked, tokenize=False, add_generation_prompt=True))


def spread(utterances: Sequence[Utterance], most: int) -> list[Utterance]:
    """At most so many, from all over."""
    return list(utterances[:: max(1, len(utterances) // most)][:most])
