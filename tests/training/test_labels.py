"""Which machine labels are believed."""

from pathlib import Path

from training.zipformer.data.labels import read_labels, unsure_labels
from training.zipformer.data.records import Recording
from training.zipformer.prepare import labelled


def test_labels_are_believed_where_teachers_agree_or_one_is_sure(tmp_path: Path) -> None:
    """1. Agreed. 2. One teacher, sure. 3. One, unsure: out. 4. No label: out; what a person wrote stays."""
    table = tmp_path / "labels.tsv"
    table.write_text(
        "path\ttranscript\tagree\tavg_logprob\n"
        "a/1.opus\tHELLO THERE\t1\t-0.4\na/2.opus\tGO ON\t0\t-0.1\na/3.opus\tWHO NOSE\t0\t-0.3\n"
    )
    assert read_labels(table) == {"1.opus": "HELLO THERE", "2.opus": "GO ON"}
    recordings = [Recording(tmp_path / f"{name}.opus", "unlabelled", "cv", "", "") for name in "1234"]
    said = Recording(tmp_path / "5.opus", "dev", "cv", "", "YES")
    assert [(r.split, r.text) for r in labelled([*recordings, said], table)] == [
        ("train", "HELLO THERE"),
        ("train", "GO ON"),
        ("dev", "YES"),
    ]
    assert labelled([*recordings, said], None) == [said]
    table.write_text("3.opus\tWHO KNOWS\n")
    assert read_labels(table) == {"3.opus": "WHO KNOWS"}
    table.write_text("path\ttranscript\tagree\tavg_logprob\na/1.opus\tHELLO\t1\t\na/3.opus\tWHO NOSE\t0\t-0.3\n")
    assert unsure_labels(table) == {"3.opus": "WHO NOSE"}
