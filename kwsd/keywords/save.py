"""Other content for a keyword file: all of it at once or none of it, with what was there before beside it."""

import shutil
from pathlib import Path

from kwsd.small_files import written_whole

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
    if backup is not None:
        with written_whole(backup) as part:
            shutil.copy2(path, part)
    with written_whole(path) as part:
        if backup is not None:
            shutil.copy2(path, part)  # for its permissions, before anybody could read the content
        part.write_bytes(content)
    return backup
