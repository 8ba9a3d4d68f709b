"""What a small file may be, wherever one is read: a file that ends, of a size that somebody means."""

import gzip
import os
import time
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kwsd.small_files import DEEPEST_KEY, parse_json, parse_toml, read_small, unpack, write_private


def test_a_pipe_a_directory_and_an_endless_device_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zeros").symlink_to("/dev/zero")
    open_files = len(list(Path("/proc/self/fd").iterdir()))
    for name in ("pipe", "zeros", "."):
        with pytest.raises(OSError, match="is no regular file"):
            read_small(tmp_path / name)
    assert len(list(Path("/proc/self/fd").iterdir())) == open_files, "a daemon reads them again and again"


def test_a_file_may_have_what_is_allowed_and_no_byte_more(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    assert read_small(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="is larger than"):
        read_small(tmp_path / "file", 4)


@given(parts=st.lists(st.binary(max_size=2000), min_size=1, max_size=3), seed=st.integers(0, 1000))
def test_what_was_packed_comes_back_or_is_called_damaged(parts: list[bytes], seed: int) -> None:
    packed = b"".join(gzip.compress(part) for part in parts)
    assert unpack(packed, 6000) == b"".join(parts)
    broken = bytearray(packed)
    broken[Random(seed).randrange(len(broken))] ^= 1 << seed % 8
    with suppress(ValueError):
        unpack(bytes(broken), 6000)
    with pytest.raises(ValueError, match="end is missing"):
        unpack(packed[:-1], 6000)


def test_what_unpacks_without_end_stops_at_the_limit() -> None:
    with pytest.raises(ValueError, match="unpacks to more than 1 MB"):
        unpack(gzip.compress(bytes(1 << 20)) * 50, 1 << 20)


@pytest.mark.parametrize("text", ["{} = 1\n", "[{}]\n", "[[keyword]]\nphrase.{} = 'x'\n", "x = {{ {} = 1 }}\n"])
def test_a_key_of_thousands_of_points_is_told_at_once(text: str) -> None:
    began_s = time.process_time()
    for points in (DEEPEST_KEY, 40_000):
        with pytest.raises(ValueError, match=f"a key has more than {DEEPEST_KEY} parts"):
            parse_toml(text.format("a" + ".a" * points).encode())
    assert time.process_time() - began_s < 1


@pytest.mark.parametrize(
    "text",
    [
        "phrase = '" + "a." * 50 + "'",
        'phrase = "\\"' + "a." * 50 + '"',
        "# " + "a." * 50,
        'phrase = """\n' + "a." * 50 + '\n"""',
        "a.b.c.d = 1",
        "1.1 = 1",
    ],
)
def test_points_elsewhere_do_not_matter(text: str) -> None:
    assert isinstance(parse_toml(text.encode()), dict)


@pytest.mark.parametrize("piece", ['"', '"""', "'''", '"""\\', "a", "a.", "a .", "[", "{", "'", "#"])
def test_no_content_takes_long(piece: str) -> None:
    began_s = time.monotonic()
    with pytest.raises(ValueError):  # noqa: PT011 - whatever the reader says of it
        parse_toml(piece.encode() * 20_000 + b"\n= =")
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize("content", [b"[" * 200_000, b'{"a":' * 200_000, b"9" * 9999, b"\xff", b"", b"{"])
def test_json_that_is_none_or_too_deep_is_a_value_error(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_json(content)


def test_what_is_written_for_its_owner_replaces_a_link_and_follows_none(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "state").symlink_to("precious")
    (tmp_path / ".state.new").symlink_to("precious")
    write_private(tmp_path / "state", "mine")
    assert (tmp_path / "precious").read_text() == "precious"
    assert (tmp_path / "state").read_text() == "mine"
    assert (tmp_path / "state").lstat().st_mode & 0o777 == 0o600
