"""The protocol as a JSON Schema: `python -m kwsd.protocol.schema > docs/protocol.schema.json`."""

import json
import sys
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from kwsd.protocol.commands import Command
from kwsd.protocol.messages import PROTOCOL, RECORDS


def schema() -> dict[str, Any]:
    """One definition per record and command; `sent` and `taken` say which goes which way."""
    models, definitions = models_json_schema([(model, "serialization") for model in RECORDS], ref_template=_REF)
    taken = TypeAdapter(Command).json_schema(ref_template=_REF)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"kwsd socket protocol {PROTOCOL}: one JSON object per line",
        "anyOf": [{"$ref": "#/$defs/sent"}, {"$ref": "#/$defs/taken"}],
        "$defs": {
            **definitions["$defs"],
            **taken.pop("$defs"),
            "sent": {"oneOf": list(models.values())},
            "taken": taken,
        },
    }


_REF = "#/$defs/{model}"


def schema_text() -> str:
    """As published."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
