"""The page of what goes over the socket, made from the protocol's schema."""

from typing import Any

from kwsd.protocol.schema import schema
from website.marks import cell

TOP = """\
# Messages of the socket

Every record and every command with all of its fields, as [the schema](../protocol.schema.json) has them;
[protocol.md](../protocol.md) says how they are used. One JSON object a line.
"""
PARTS = "Parts of these"


def socket_page() -> str:
    """What is sent, what is taken, and what both hold."""
    published = schema()
    definitions = {name: each for name, each in published["$defs"].items() if name not in {"sent", "taken"}}
    chapters: dict[str, list[str]] = {"Sent": [], "Taken": [], PARTS: []}
    for name in definitions:
        sent, taken = ({"$ref": f"#/$defs/{name}"} in published["$defs"][way]["oneOf"] for way in ("sent", "taken"))
        chapters["Sent" if sent else "Taken" if taken else PARTS].append(name)
    lines = [TOP]
    for chapter, names in chapters.items():
        lines.append(f"## {chapter}\n")
        for name in names:
            lines += [*_definition(name, definitions[name]), ""]
    return "\n".join(lines)


def _definition(name: str, definition: dict[str, Any]) -> list[str]:
    properties = definition.get("properties", {})
    constant = properties.get("type", properties.get("command", {})).get("const")
    heading = f"`{constant}`" if constant else name
    lines = [f"### {heading}\n", f"{cell(definition.get('description', ''))}\n", "| field | |", "|---|---|"]
    for field, about in properties.items():
        if "const" not in about:
            needed = field in definition.get("required", ())
            told = f"{kind(about)}{'' if needed else ', may be left out'}. {cell(about.get('description', ''))}"
            lines.append(f"| `{field}` | {told} |")
    return lines if len(lines) > 4 else lines[:2]  # noqa: PLR2004 - nothing but its name


def kind(about: dict[str, Any]) -> str:
    """What a value is, in a few words."""
    match about:
        case {"$ref": where}:
            name = where.rpartition("/")[2]
            told = f"[{name}](#{name.lower()})"
        case {"anyOf": several} | {"oneOf": several}:
            told = " or ".join(kind(each) for each in several)
        case {"enum": values}:
            told = ", ".join(f"`{value}`" for value in values)
        case {"type": "array", "items": each}:
            told = f"list of {kind(each)}"
        case {"type": "object", "additionalProperties": dict() as each}:
            told = f"object of {kind(each)}"
        case _:
            told = str(about.get("type", "anything"))
    return told
