"""`python -m website` draws the pictures of docs/pictures that are made: the way of a chunk, and a terminal."""

from website.pictures import pictures

for path, text in pictures().items():
    path.write_text(text, encoding="utf-8")
