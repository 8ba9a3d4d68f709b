"""A name for this machine that never changes, unlike its host name and addresses, and does not tell its id."""

from hashlib import sha256
from pathlib import Path

MACHINE_ID = Path("/etc/machine-id")


def stable_id(machine_id: Path = MACHINE_ID) -> str:
    """Eight letters of a digest; the same ones for all machines that have no id of their own."""
    try:
        own = machine_id.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        own = ""
    return sha256(f"kwsd {own}".encode()).hexdigest()[:8]
