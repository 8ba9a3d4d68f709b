"""Something valid → something that is nearly valid, or not at all. The same number gives the same."""

import random
from collections.abc import Callable, Sequence

HARD = (
    b"9" * 5000,
    b"1e999",
    b"-1e-999",
    b"nan",
    b"-inf",
    b"0x7fffffff",
    b"18446744073709551616",
    b"\x00",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\x1b[2J\x9b1m",
    "\u202eabc\u2066\u200b\ufeff".encode(),
    "\u0130\u1e9e\ufb01\u00bd\u0663\U0001f600".encode(),
    b"a." * 3000,
    b"[" * 5000,
    b"{" * 5000,
    b'"' * 999,
    b"%s%n{0}{}$KWSD_ID`id`",
    b"../" * 50,
    b"/dev/zero",
    b"\r\n\r",
    b"\xc2\x85\xe2\x80\xa8\x0b\x0c",
    b" " * 9999,
    b"x" * 70_000,
    b"true",
    b"null",
    b"-0",
    b"1_0",
    b"'''",
    b"\\ud800",
)
"""What has broken programs before: ends of numbers, depths, directions, letters that fold to several."""


def spoilt(seeds: Sequence[bytes], number: int, border: str, most_bytes: int = 50_000) -> bytes:
    """The case of this number for a border: one of the seeds after one to six changes."""
    chance = random.Random(f"{border} {number}")
    content = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        chance.choice(CHANGES)(content, chance, seeds)
        del content[most_bytes:]
    return bytes(content)


def flip(content: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """A bit."""
    if content:
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def cut(content: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Some of it away."""
    start = chance.randint(0, len(content))
    del content[start : start + chance.choice((1, 7, 100, 1 << 20))]


def put_hard(content: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Something hard into it, or in place of a piece."""
    start = chance.randint(0, len(content))
    content[start : start + chance.choice((0, 1, 5))] = chance.choice(HARD)


def put_noise(content: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """Any bytes at all."""
    start = chance.randint(0, len(content))
    content[start:start] = chance.randbytes(chance.randint(1, 64))


def repeat(content: bytearray, chance: random.Random, _: Sequence[bytes]) -> None:
    """A piece again and again."""
    start = chance.randint(0, len(content))
    piece = content[start : start + chance.randint(1, 40)]
    content[start:start] = piece * chance.choice((2, 20, 2000))


def splice(content: bytearray, chance: random.Random, seeds: Sequence[bytes]) -> None:
    """The end of another."""
    other = chance.choice(seeds)
    del content[chance.randint(0, len(content)) :]
    content += other[chance.randint(0, len(other)) :]


Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]
CHANGES: tuple[Change, ...] = (flip, cut, put_hard, put_noise, repeat, splice)
