"""The protocol as a JSON Schema, shipped in this room: `python -m kwsd.protocol.schema > docs/protocol.schema.json`."""

import json
import sys
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config

from kwsd.events import Detection
from kwsd.intents import SpokenWord
from kwsd.protocol.commands import Command
from kwsd.protocol.messages import PROTOCOL, RECORDS, Listened, Microphone, SourceTold
from kwsd.records import Message, Numbered, Record
from kwsd.why import Evidence, HeardToken

PUBLISHED: dict[type[Message], str] = {Detection: "DetectionEvent"}
"""Definitions whose names were published before the classes got others."""
_REF = "#/$defs/{model}"


def schema() -> dict[str, Any]:
    """One definition per record and command; `sent` and `taken` say which goes which way."""
    taken = TypeAdapter(Command).json_schema(ref_template=_REF)
    sent = {PUBLISHED.get(record, record.__name__): _sent(record) for record in RECORDS}
    parts = {name: part for definition in sent.values() for name, part in definition.pop("$defs", {}).items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kwsd socket protocol {PROTOCOL}: one JSON object per line",
        "anyOf": [{"$ref": "#/$defs/sent"}, {"$ref": "#/$defs/taken"}],
        "$defs": {
            **sent,
            **parts,
            **taken.pop("$defs"),
            "sent": {"oneOf": [{"$ref": _REF.format(model=name)} for name in sent]},
            "taken": taken,
        },
    }


def _sent(record: type[Message]) -> dict[str, Any]:
    """A record's definition, with its `type` as the one constant; but for those in `if_any` every field is sent."""
    definition, common = (
        TypeAdapter(kind).json_schema(mode="serialization", ref_template=_REF) for kind in (record, Message)
    )
    kind = {"const": record.type, "default": record.type, "title": "Type", "type": "string"}
    properties = {"type": kind, **definition["properties"], **common["properties"]}
    title = PUBLISHED.get(record, record.__name__)
    always = [name for name in properties if name not in record.if_any]
    return {**definition, "properties": properties, "required": always, "title": title}


_EXPLAINED = ConfigDict(use_attribute_docstrings=True)
for _kind in (Microphone, Listened, SourceTold, Message, Numbered, Record, Evidence, HeardToken, SpokenWord):
    with_config(_EXPLAINED)(_kind)


def schema_text() -> str:
    """As published."""
    text = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    return text.replace('/Keyword"', '/KeywordSpec"').replace('"Keyword": {', '"KeywordSpec": {')


if __name__ == "__main__":
    sys.stdout.write(schema_text())
