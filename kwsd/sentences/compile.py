"""A file of sentences made ready for one model: its words spelt in units, its templates one graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from kwsd.errors import SentenceFileError
from kwsd.sentences.files import SentenceList, SentenceProblem, Template
from kwsd.sentences.graph import SentenceGraph
from kwsd.sentences.lowering import SentenceMistakeError
from kwsd.sentences.words import WordArcs
from kwsd.text.numerals import readings
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.text.written_forms import one_change

MOST_SPELLINGS_OF_A_WORD = 6
CACHED_SPELLINGS = 65_536


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSentences:
    """Any number of searches of one model may share the templates; the graph is of one at a time."""

    listed: SentenceList
    """Its templates are those of the graph, its problems all that were found."""
    arcs: tuple[WordArcs, ...]
    tokenizer: PhraseTokenizer

    def graph(self) -> SentenceGraph:
        """For a search of its own; cheap, since it grows only where that search goes."""
        speller = Speller(self.tokenizer)
        return SentenceGraph(self.arcs, speller.spell, [w for w in self.listed.skip_words if speller.can_spell(w)])


class Speller:
    """Words of sentences in the units of one model."""

    def __init__(self, tokenizer: PhraseTokenizer) -> None:
        self._tokenizer = tokenizer
        self.spell = lru_cache(maxsize=CACHED_SPELLINGS)(self._spell)

    def can_spell(self, word: str) -> bool:
        """Whether it is one word that the model can write."""
        try:
            return " " not in word.strip() and bool(self.spell(word))
        except ValueError:
            return False

    def check(self, graph: WordArcs) -> None:
        """Raises SentenceMistakeError: it has no words, or one that the model cannot write."""
        if graph.start in graph.finals:
            raise SentenceMistakeError("may be said without a word; take one part out of its brackets")
        for word in dict.fromkeys(graph.words):
            try:
                self.spell(word)
            except ValueError as error:
                raise SentenceMistakeError(f"{error}; write the word otherwise", graph.line_of(word)) from error

    def _spell(self, word: str) -> tuple[tuple[int, ...], ...]:
        """As written, as said in each way, and as texts of the same sound. Raises ValueError: in none of them."""
        found: dict[tuple[int, ...], None] = {}
        mistake: ValueError | None = None
        for text in texts_of(word):
            try:
                found.update(dict.fromkeys(self._tokenizer.encodings(text)))
            except ValueError as error:
                mistake = mistake or error
        if not found:
            raise mistake or ValueError(f'"{word}" cannot be said')
        return tuple(found)[:MOST_SPELLINGS_OF_A_WORD]


def texts_of(word: str) -> Iterator[str]:
    """The word, its digits read out, and other ways to write the same sound."""
    spoken = readings(word.upper())
    yield from spoken or (word.upper(),)
    if not spoken:
        yield from (" ".join(form) for form in one_change((word.upper(),)))


def compile_sentences(listed: SentenceList, tokenizer: PhraseTokenizer) -> CompiledSentences:
    """What cannot be spelt becomes a problem of its template; the rest stays.

    Raises:
        SentenceFileError: nothing is left.
    """
    speller = Speller(tokenizer)
    templates: list[Template] = []
    arcs: list[WordArcs] = []
    problems = list(listed.problems)
    for template in listed.templates:
        try:
            graph = WordArcs(template.expression)
            speller.check(graph)
        except SentenceMistakeError as mistake:
            problems.append(SentenceProblem(listed.path, mistake.line or template.line, str(mistake)))
        else:
            templates.append(template)
            arcs.append(graph)
    problems = list(dict.fromkeys(problems))
    if not templates:
        raise SentenceFileError("\n".join([f"{listed.path}: has no usable sentence", *map(str, problems)]))
    usable = replace(listed, templates=tuple(templates), problems=tuple(problems))
    return CompiledSentences(usable, tuple(arcs), tokenizer)
