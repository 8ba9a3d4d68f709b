"""Pictures that are made show what there is: `python -m website` draws them anew."""

from website.pictures import FILE, ROOT, pictures


def test_the_pictures_are_those_that_would_be_drawn() -> None:
    for path, text in pictures().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: python -m website"


def test_the_way_has_every_file_of_the_page() -> None:
    page = (ROOT / "docs" / "path.md").read_text(encoding="utf-8")
    drawn = (ROOT / "docs" / "pictures" / "way.svg").read_text(encoding="utf-8")
    files = [file for file, _ in FILE.findall(page)]
    assert len(files) == 18
    assert all(f">{file}<" in drawn for file in files)
