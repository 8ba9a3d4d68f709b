"""sentences.yaml in Home Assistant's template syntax → templates, and what cannot be used with its line.

The only importer of hassil, which parses the templates, and of the YAML library that comes with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kwsd.errors import KwsdError, SentenceFileError
from kwsd.sentences.expressions import Expression, Sizes
from kwsd.sentences.lowering import Lowering, SentenceMistakeError
from kwsd.small_files import read_small

MOST_SENTENCES = 10**9
MOST_ARCS = 400_000
EXTRA = "--sentences needs hassil: pip install 'kwsd[sentences]'"


@dataclass(frozen=True, slots=True)
class SentenceProblem:
    """Why something was not taken. `str()` is `file:line: what and what to change`."""

    path: Path
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """One line that stands for many sentences."""

    intent: str
    text: str
    line: int
    expression: Expression
    slots: Mapping[str, Any]
    """Of every sentence of it, whatever is said."""


@dataclass(frozen=True, slots=True)
class SentenceList:
    """What a file holds: the templates run, the problems are for people to read."""

    path: Path
    templates: tuple[Template, ...]
    skip_words: tuple[str, ...]
    problems: tuple[SentenceProblem, ...] = ()


class LinedText(str):
    """Text of a YAML file that knows its line."""

    __slots__ = ("line",)
    line: int


def line_of(value: Any, otherwise: int) -> int:
    """Where a text of the file stands."""
    return value.line if isinstance(value, LinedText) else otherwise


def read_sentence_file(path: Path) -> SentenceList:
    """Read templates; what cannot be used is a problem, and the rest stays.

    Raises:
        KwsdError: hassil is not installed.
        SentenceFileError: the file cannot be read, or none of its sentences can be used.
    """
    tree = load_tree(path)
    problems: list[SentenceProblem] = []
    templates = []
    for intent, block, line in blocks(tree, path, problems):
        try:
            lowering = Lowering(_parts(tree, block, "lists"), _parts(tree, block, "expansion_rules"), line)
        except SentenceMistakeError as mistake:
            problems.append(SentenceProblem(path, mistake.line, str(mistake)))
            continue
        sentences = block.get("sentences")
        if not isinstance(sentences, list) or not sentences:
            problems.append(SentenceProblem(path, line, f"{intent}: has no sentences; write `sentences:` and a list"))
            continue
        slots = block.get("slots")
        for text in sentences:
            try:
                expression = lowering.sentence(text, line_of(text, line))
                check_size(expression)
            except SentenceMistakeError as mistake:
                problems.append(SentenceProblem(path, mistake.line or line_of(text, line), str(mistake)))
            else:
                fixed = slots if isinstance(slots, dict) else {}
                templates.append(Template(str(intent), str(text), line_of(text, line), expression, fixed))
    problems = list(dict.fromkeys(problems))  # what many sentences use is told once
    if not templates:
        remedy = "write `intents:`, a name, `data:` and `- sentences:`, see docs/sentences.md"
        raise SentenceFileError("\n".join([f"{path}: has no usable sentence; {remedy}", *map(str, problems)]))
    skipped = tuple(str(word) for word in tree.get("skip_words") or () if isinstance(word, str))
    return SentenceList(path, tuple(templates), skipped, tuple(problems))


def load_tree(path: Path) -> dict[str, Any]:
    """The YAML, whose texts know their lines. Raises as `read_sentence_file` does."""
    try:
        import yaml  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise KwsdError(EXTRA) from error

    class Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml is not typed
        """Texts keep their lines."""

    def text(_loader: Any, node: Any) -> LinedText:
        value = LinedText(node.value)
        value.line = node.start_mark.line + 1
        return value

    Loader.add_constructor("tag:yaml.org,2002:str", text)
    try:
        tree = yaml.load(read_small(path).decode(), Loader)  # noqa: S506 - it is a SafeLoader
    except OSError as error:
        raise SentenceFileError(f"{path}: cannot be read: {error.strerror or error}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SentenceFileError(f"{path}:{line}: is not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SentenceFileError(f"{path}: is not YAML: {str(error)[:200]}") from error
    if not isinstance(tree, dict):
        raise SentenceFileError(f"{path}: has no `intents:`; see docs/sentences.md")
    return tree


def blocks(
    tree: Mapping[str, Any], path: Path, problems: list[SentenceProblem]
) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    """Intent, block of `data`, line of the intent."""
    intents = tree.get("intents")
    for name, intent in intents.items() if isinstance(intents, dict) else ():
        line = line_of(name, 1)
        data = intent.get("data") if isinstance(intent, dict) else None
        if not isinstance(data, list) or not all(isinstance(block, dict) for block in data):
            problems.append(SentenceProblem(path, line, f"{name}: write `data:` and a list of `- sentences: […]`"))
            continue
        yield from ((str(name), block, line) for block in data)


def _parts(tree: Mapping[str, Any], block: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Lists or rules of the whole file, and those of the block, which come first."""
    found: dict[str, Any] = {}
    for where in (tree, block):
        part = where.get(key)
        if isinstance(part, dict):
            found.update(part)
        elif part is not None:
            raise SentenceMistakeError(f"{key}: is not `name: …`", 1)
    return found


def check_size(expression: Expression) -> None:
    """Raises SentenceMistakeError: it stands for more than can be searched or held."""
    sentences, arcs = Sizes().of(expression)
    if sentences > MOST_SENTENCES:
        raise SentenceMistakeError(
            f"stands for {sentences:.0e} sentences, and {MOST_SENTENCES:.0e} are the most; take out a list or an "
            "optional part, or write two sentences of it"
        )
    if arcs > MOST_ARCS:
        raise SentenceMistakeError(
            f"takes a graph of {arcs} words, and {MOST_ARCS} are the most; shorten its lists, or repeat fewer rules"
        )
