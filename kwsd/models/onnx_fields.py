"""Fields of ONNX files, read and written where the package onnx, an extra, may be missing.

They are protobuf messages (https://protobuf.dev/programming-guides/encoding/); the numbers of the fields are those of
onnx.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

GRAPH = 7
"""Of a model."""
NODE, INITIALIZER, INPUT, OUTPUT = 1, 5, 11, 12
"""Of a graph."""
NODE_INPUT, NODE_OUTPUT, OPERATOR, ATTRIBUTE, DOMAIN = 1, 2, 4, 5, 7
DIMENSION, TYPE, NAME, RAW, EXTERNAL = 1, 2, 8, 9, 13
"""Of a constant."""
FLOAT, UINT8 = 1, 2
MORE = 128
"""Added to each byte of a number but the last."""
NUMBER, LENGTH, BYTES_OF = 0, 2, {1: 8, 5: 4}
"""How a field is written: as a number, with its length before it, or in so many bytes."""


def fields(message: bytes | memoryview) -> Iterator[tuple[int, Any]]:
    """Number and value of each, in their order; ValueError where it is no such message."""
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            value |= (byte % MORE) << shift
            at, shift = at + 1, shift + 7
            if byte < MORE:
                return value

    try:
        while at < len(message):
            tag = number()
            if tag & 7 == NUMBER:
                yield tag >> 3, number()
                continue
            size = number() if tag & 7 == LENGTH else BYTES_OF[tag & 7]
            at += size
            if at > len(message):
                raise ValueError("a field is cut off")
            yield tag >> 3, message[at - size : at]
    except (IndexError, KeyError) as error:
        raise ValueError("no message of protobuf") from error


def values(message: bytes, number: int) -> list[bytes]:
    """Of the fields of a number, where they are not numbers themselves."""
    return [value for found, value in fields(message) if found == number and isinstance(value, bytes)]


def field(number: int, value: int | bytes | str) -> bytes:
    """A number that is not negative, a string, or another message."""
    if isinstance(value, int):
        return varint(number << 3 | NUMBER) + varint(value)
    written = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | LENGTH) + varint(len(written)) + written


def varint(value: int) -> bytes:
    """Seven bits to a byte, the lowest first."""
    written = bytearray()
    while value >= MORE:
        written.append(value % MORE + MORE)
        value >>= 7
    return bytes([*written, value])


class OnnxNode(NamedTuple):
    """A node of a graph, and how it is written."""

    operator: str
    inputs: list[str]
    outputs: list[str]
    has_attributes: bool
    written: bytes


def read_node(message: bytes) -> OnnxNode:
    """ValueError where it is none."""
    operator, inputs, outputs, has_attributes = "", list[str](), list[str](), False
    for number, value in fields(message):
        if number == ATTRIBUTE:
            has_attributes = True
        elif number in (NODE_INPUT, NODE_OUTPUT, OPERATOR):
            text = bytes(value).decode()
            if number == OPERATOR:
                operator = text
            else:
                (inputs if number == NODE_INPUT else outputs).append(text)
    return OnnxNode(operator, inputs, outputs, has_attributes, message)


def node(operator: str, inputs: Sequence[str], output: str, domain: str = "", **attributes: int) -> OnnxNode:
    """One with an output, and attributes that are numbers."""
    written = b"".join(field(NODE_INPUT, name) for name in inputs) + field(NODE_OUTPUT, output)
    written += field(OPERATOR, operator) + field(DOMAIN, domain)
    for name, value in attributes.items():
        written += field(ATTRIBUTE, field(1, name) + field(3, value) + field(20, 2))
    return OnnxNode(operator, [*inputs], [output], bool(attributes), written)


def tensor(name: str, kind: int, shape: Sequence[int], raw: bytes) -> bytes:
    """A constant."""
    sizes = b"".join(field(DIMENSION, size) for size in shape)
    return sizes + field(TYPE, kind) + field(NAME, name) + field(RAW, raw)


def float_value(name: str) -> bytes:
    """An input or output whose shape is left open."""
    return field(1, name) + field(2, field(1, field(1, FLOAT)))
