"""Pictures that are made show what there is: `python -m website` draws them anew."""

import re

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


def test_every_picture_is_on_a_page() -> None:
    """What nobody is shown goes stale unseen. The site's own mark stands in its settings."""
    docs, shown = ROOT / "docs", {ROOT / "docs" / "pictures" / "favicon.svg"}
    for page in [*docs.rglob("*.md"), ROOT / "README.md"]:
        named = re.findall(r"!\[[^\]]+\]\(([^):]+)\)", page.read_text(encoding="utf-8"))
        shown |= {(page.parent / name).resolve() for name in named}
    there = {path for path in docs.rglob("*") if path.suffix in {".png", ".svg", ".jpg", ".gif", ".webp"}}
    assert shown >= there, "put it on its page, or delete it"
    assert shown <= there
