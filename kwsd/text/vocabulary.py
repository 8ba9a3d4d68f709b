"""tokens.txt: the vocabulary of a model, one `piece id` per line."""

from pathlib import Path

from kwsd.errors import ModelError
from kwsd.small_files import read_small
from kwsd.units import BLANK_ID

BLANK = "<blk>"
MOST_DIGITS = 6  # of an id


def read_tokens(path: Path) -> tuple[str, ...]:
    """Piece texts in the order of their ids.

    Raises:
        ModelError: the file is missing, is not UTF-8, or its ids are not 0, 1, 2, … each once with `<blk>` as 0.
    """
    try:
        lines = read_small(path).decode("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error}); fetch the model again") from error
    by_id: dict[int, str] = {}
    for number, line in enumerate(lines, start=1):
        piece, _, digits = line.rstrip().rpartition(" ")
        if not piece or not digits.isdecimal() or len(digits) > MOST_DIGITS:
            raise ModelError(f"{path}:{number}: {line[:60]!r} is not `piece id`")
        if int(digits) in by_id:
            raise ModelError(f"{path}:{number}: id {digits} is already taken by {by_id[int(digits)]!r}")
        by_id[int(digits)] = piece
    missing = next((token for token in range(len(by_id)) if token not in by_id), None)
    if missing is not None:
        raise ModelError(f"{path}: id {missing} is missing; ids must be 0 to {len(by_id) - 1}")
    if by_id.get(BLANK_ID) != BLANK:
        raise ModelError(f"{path}: id {BLANK_ID} must be {BLANK}, is {by_id.get(BLANK_ID)!r}")
    return tuple(by_id[token] for token in range(len(by_id)))


def is_control(piece: str) -> bool:
    """Whether nobody says it: `<blk>`, `<unk>`, `<sos/eos>`."""
    return piece.startswith("<") and piece.endswith(">")
