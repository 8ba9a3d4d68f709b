"""Get everything ready that training needs: spoken texts, units, packed audio."""

from collections.abc import Sequence
from pathlib import Path

from training.lexicon.lexicon import write_lexicon
from training.zipformer.data.labels import read_labels
from training.zipformer.data.pack import write_pack
from training.zipformer.data.phrases import known_words, phrases
from training.zipformer.data.records import Recording, everything
from training.zipformer.data.synthesis import synthesise
from training.zipformer.data.units import BLANK, MARKED, train_pieces, write_tokens

TEXT_SEED, VOICE_SEED = 1, 2


def prepare(
    shared: Path,
    folder: Path,
    spoken: int,
    pieces: int,
    pseudo_labels: Path | None,
    *,
    workers: int,
    spoken_by: Sequence[Path] = (),
) -> None:
    """Write `synthetic/`, the units with `tokens.txt`, `audio.i16` and `index.tsv` into `folder`.

    What is there already is kept: files spoken before, and units, so that a second pack fits models of the first.

    Args:
        shared: the folder that holds speech/, noise/, rir/ and speech_commands/.
        folder: where to write.
        spoken: texts to synthesise.
        pieces: number of BPE pieces to learn as units; 0 takes phones.
        pseudo_labels: table (path, text) that a teacher wrote for untranscribed speech; None trains without a teacher.
        workers: threads that decode and synthesise.
        spoken_by: folders of `speak`.
    """
    real = everything(shared)
    if spoken:
        words = known_words([r.text for r in real if r.split == "train"])
        synthesise(folder / "synthetic", phrases(spoken, words, TEXT_SEED), VOICE_SEED, workers)
    recordings = labelled(everything(shared, folder / "synthetic", *spoken_by), pseudo_labels)
    if not (folder / "tokens.txt").exists():
        _make_units(folder, [r.text for r in recordings if r.split == "train"], pieces)
    write_pack(folder, recordings, workers)


def _make_units(folder: Path, texts: list[str], pieces: int) -> None:
    if pieces:
        train_pieces(folder, texts, pieces)
    else:
        write_lexicon(folder)
        write_tokens(folder, (BLANK, *MARKED))


def labelled(recordings: list[Recording], pseudo_labels: Path | None) -> list[Recording]:
    """Give untranscribed recordings the text a teacher heard, and drop those without."""
    heard = read_labels(pseudo_labels) if pseudo_labels else {}
    kept = []
    for recording in recordings:
        if recording.split != "unlabelled":
            kept.append(recording)
        elif text := heard.get(recording.path.name, "").strip():
            corpus = f"{recording.corpus}-pseudo"
            kept.append(Recording(recording.path, "train", corpus, recording.speaker, text, recording.licence))
    return kept
