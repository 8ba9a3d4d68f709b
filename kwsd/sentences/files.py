"""sentences.yaml in Home Assistant's template syntax → templates, and what cannot be used with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kwsd.errors import SentenceFileError
from kwsd.quick_dataclass import dataclass
from kwsd.sentences.expressions import BEYOND, Expression, Sizes
from kwsd.sentences.lined_yaml import line_of, line_of_key, lined, load
from kwsd.sentences.lowering import Lowering, Note, SentenceMistakeError, is_told

MOST_SENTENCES = 10**9
MOST_ARCS = 400_000


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
    language: str
    """That the sentences are in; empty where the file does not say."""
    problems: tuple[SentenceProblem, ...] = ()


def read_sentence_file(path: Path) -> SentenceList:
    """Read templates; what cannot be used is a problem, and the rest stays.

    Raises:
        ConfigError: hassil is not installed.
        SentenceFileError: the file cannot be read, or none of its sentences can be used.
    """
    tree, repeated = load(path)
    found: list[tuple[int, str]] = [(line, f"{key} stands twice; only this one counts") for line, key in repeated]

    def note(line: int, text: str) -> None:
        found.append((line, text))

    if not isinstance(tree, dict):
        raise SentenceFileError(f"{path}: has no `intents:`; see docs/sentences.md")
    templates = []
    lists, rules = section(tree, "lists", note), section(tree, "expansion_rules", note)
    for intent, block, line in blocks(section(tree, "intents", note), note):
        lowering = Lowering(
            {**lists, **section(block, "lists", note)}, {**rules, **section(block, "expansion_rules", note)}, note
        )
        slots = dict(section(block, "slots", note))
        for name in [name for name, value in slots.items() if not is_told(value)]:
            del slots[name]
            note(line_of(name, line), f"slots: {name}: is no text, number, true or false; quote it")
        sentences = block.get("sentences")
        if not isinstance(sentences, list) or not sentences:
            note(line_of_key(block, "sentences", line), f"{intent}: has no sentences; write `sentences:` and a list")
            continue
        for text, own_line in lined(sentences, line):
            try:
                expression = lowering.sentence(text, own_line)
                check_size(expression)
            except SentenceMistakeError as mistake:
                note(mistake.line or own_line, str(mistake))
            else:
                templates.append(Template(intent, str(text), own_line, expression, slots))
    skipped, language = tuple(skip_words(tree, note)), language_of(tree, note)
    problems = [SentenceProblem(path, *each) for each in dict.fromkeys(found)]  # what many use is told once
    if not templates:
        remedy = "" if problems else "; write `intents:`, a name, `data:` and `- sentences:`, see docs/sentences.md"
        raise SentenceFileError("\n".join([f"{path}: has no usable sentence{remedy}", *map(str, problems)]))
    return SentenceList(path, tuple(templates), skipped, language, tuple(problems))


def section(where: Mapping[str, Any], key: str, note: Note) -> Mapping[str, Any]:
    """What stands under a key by names; empty where it does not, which is noted where something else does."""
    part = where.get(key)
    if part is None or isinstance(part, dict):
        return part or {}
    note(line_of_key(where, key), f"{key}: is not `name: …`; write names under it, and what belongs to each")
    return {}


def blocks(intents: Mapping[str, Any], note: Note) -> Iterator[tuple[str, Mapping[str, Any], int]]:
    """Intent, block of `data`, its line."""
    for name, intent in intents.items():
        line = line_of(name, 1)
        data = intent.get("data") if isinstance(intent, dict) else None
        if not isinstance(data, list):
            note(line, f"{name}: write `data:` and a list of `- sentences: […]`")
            continue
        for block, own_line in lined(data, line):
            if isinstance(block, dict):
                yield str(name), block, own_line
            else:
                note(own_line, f"{name}: `data:` is a list of `- sentences: […]`; write this one so")


def skip_words(tree: Mapping[str, Any], note: Note) -> Iterator[str]:
    """Words that may be said between any two."""
    words = tree.get("skip_words")
    line = line_of_key(tree, "skip_words")
    if words is not None and not isinstance(words, list):
        note(line, "skip_words: is no list; write each behind `- `")
        return
    for word, own_line in lined(words or [], line):
        if isinstance(word, str) and word.strip():
            yield word
        else:
            note(own_line, "skip_words: one of them is no text; write what may be said, in quotes")


def language_of(tree: Mapping[str, Any], note: Note) -> str:
    """What `language:` says, with its line; empty where nothing does."""
    language = tree.get("language")
    if language is None or isinstance(language, str):
        return language or ""
    note(line_of_key(tree, "language"), f"language: {language} is no text to YAML; quote it")  # NO is Norwegian
    return ""


def check_size(expression: Expression) -> None:
    """Raises SentenceMistakeError: it stands for more than can be searched or held."""
    sentences, arcs = Sizes().of(expression)
    if sentences > MOST_SENTENCES:
        number = f"{sentences:.0e} sentences{' or more' if sentences == BEYOND else ''}"
        raise SentenceMistakeError(
            f"stands for {number}, and {MOST_SENTENCES:.0e} are the most; take out a list or an optional part, or "
            "write two sentences of it"
        )
    if arcs > MOST_ARCS:
        raise SentenceMistakeError(
            f"takes a graph of {arcs} words, and {MOST_ARCS} are the most; shorten its lists, or repeat fewer rules"
        )
