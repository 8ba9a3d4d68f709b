"""Other content for a keyword file: all of it at once or none of it, with what was there before beside it."""

import os
import shutil
from pathlib import Path

BACKUP = ".bak"


def save_keyword_file(path: Path, content: bytes) -> Path | None:
    """Replace a file, or write a new one; links are followed, permissions stay.

    Returns:
        The copy of what was there before; None where nothing was.

    Raises:
        OSError: it cannot be written; it is as it was.
    """
    path = path.resolve()
    backup = path.with_name(path.name + BACKUP) if path.exists() else None
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # daemon and page may both be at it
    try:
        if backup is not None:
            shutil.copy2(path, backup)
        with part.open("wb") as file:
            if backup is not None:
                shutil.copymode(path, part)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = str(path)  # a user knows no other
        raise
    return backup
