"""What machines heard in untranscribed speech: tables of labels, and which of them are believed."""

from pathlib import Path

from measure import manifests

TEACHER_LABELS = "teacher_labels.tsv"
LEAST_LOGPROB = -0.15
"""Mean over a transcript above which one teacher alone is believed: 4.9 % word errors where 11.9 are usual."""
MOST_LOSS = 1.0
"""Nats a phone that a model of one's own may give to a label that it believes: six of seven transcripts of dev speakers
lie below it, and four of seven unsure labels."""


def read_labels(table: Path) -> dict[str, str]:
    """Read what teachers heard: file name to text.

    Takes a table of `teach` (name and text, no header), or one with the columns path, transcript, agree and
    avg_logprob, of which the rows are taken where the teachers agree or the bigger one is sure.
    """
    lines = table.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0].startswith("path\t"):
        return dict(line.split("\t", 1) for line in lines)
    return {
        Path(row["path"]).name: row["transcript"]
        for row in manifests.read(table)
        if row["agree"] == "1" or float(row["avg_logprob"] or "-inf") > LEAST_LOGPROB
    }


def unsure_labels(table: Path) -> dict[str, str]:
    """Read the rows of a table of teachers that `read_labels` leaves out."""
    sure = read_labels(table)
    return {name: text for name, text in all_labels(table).items() if name not in sure}


def all_labels(table: Path) -> dict[str, str]:
    """Read all rows of a table of teachers, believed or not."""
    return {Path(row["path"]).name: row["transcript"].strip() for row in manifests.read(table)}
