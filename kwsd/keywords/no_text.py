"""What a file holds that was given as a list of phrases and is none, by how it begins."""

BOM = b"\xef\xbb\xbf"
_RECORDING, _OFFICE = "a recording", "a document of an office program"
_BEGINS = {
    b"RIFF": _RECORDING,
    b"fLaC": _RECORDING,
    b"OggS": _RECORDING,
    b"ID3": _RECORDING,
    b"PK\3\4": f"{_OFFICE}, or an archive",
    b"\xd0\xcf\x11\xe0": _OFFICE,
    b"{\\rtf": "a document of a word processor",
    b"%PDF": "a PDF",
    b"<": "a page of the web, or XML",
    b"\x1f\x8b": "compressed",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x7fELF": "a program",
}


def why_no_text(content: bytes, *, is_toml: bool) -> str:
    """What it is, and what to do about it; empty where it may be a list."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "is UTF-16; save it as UTF-8"
    text = content.removeprefix(BOM).lstrip()
    for begins, what in _BEGINS.items():
        if text.startswith(begins):
            return f"is {what}; keywords stand in a text file with one phrase per line"
    if not is_toml and text.startswith((b"[", b"{")):
        return "is no text but TOML or JSON; write one phrase per line, or call TOML .toml"
    return ""
