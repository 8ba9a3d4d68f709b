"""A file of sentences made ready for one model: its words spelt in units, its templates one graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

from kwsd.errors import SentenceFileError
from kwsd.quick_dataclass import dataclass
from kwsd.sentences.files import SentenceList, SentenceProblem, Template, read_sentence_file
from kwsd.sentences.graph import SentenceGraph
from kwsd.sentences.lined_yaml import line_of
from kwsd.sentences.lowering import SentenceMistakeError
from kwsd.sentences.pruning import Pruning
from kwsd.sentences.words import WordArcs
from kwsd.text.numerals import readings
from kwsd.text.phrase_tokenizer import PhraseTokenizer
from kwsd.text.written_forms import one_change

MOST_SPELLINGS_OF_A_WORD = 6
CACHED_SPELLINGS = 65_536
MOST_LETTERS = 60  # no word has more, and to guess how one is said takes longer with every letter


@dataclass(frozen=True, slots=True, eq=False)
class CompiledSentences:
    """Any number of searches of one model may share the templates; the graph is of one at a time."""

    listed: SentenceList
    """Its templates are those of the graph, its problems all that were found."""
    arcs: tuple[WordArcs, ...]
    tokenizer: PhraseTokenizer
    language: str
    """That the model hears."""

    def graph(self) -> SentenceGraph:
        """For a search of its own; cheap, since it grows only where that search goes."""
        return SentenceGraph(self.arcs, Speller(self.tokenizer).spell, self.listed.skip_words)

    def again(self) -> CompiledSentences:
        """Those that the file has now; slow. Raises SentenceFileError: none that can be used."""
        return compile_sentences(read_sentence_file(self.listed.path), self.tokenizer, self.language)


class Speller:
    """Words of sentences in the units of one model."""

    def __init__(self, tokenizer: PhraseTokenizer) -> None:
        self._tokenizer = tokenizer
        self.spell = lru_cache(maxsize=CACHED_SPELLINGS)(self._spell)

    def check_words(self, graph: WordArcs) -> None:
        """Raises SentenceMistakeError: one of its words cannot be written by the model."""
        for word in dict.fromkeys(graph.words):
            self.check(word, graph.line_of(word))

    def check(self, word: str, line: int) -> None:
        """Raises SentenceMistakeError: the model cannot write it."""
        try:
            self.spell(word)
        except ValueError as error:
            raise SentenceMistakeError(f"{error}; write the word otherwise", line) from error

    def _spell(self, word: str) -> tuple[tuple[int, ...], ...]:
        """As written, as said in each way, and as texts of the same sound. Raises ValueError: in none of them."""
        longest = max(map(len, word.split()), default=0)
        if longest > MOST_LETTERS:
            raise ValueError(f'"{word[:20]}…" has {longest} letters in a row, and {MOST_LETTERS} are the most')
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


def check_is_said(graph: WordArcs) -> None:
    """Raises SentenceMistakeError: it has a sentence without words."""
    if graph.start in graph.finals:
        raise SentenceMistakeError("may be said without a word; take one part out of its brackets")


def is_same_language(written: str, heard: str) -> bool:
    """Whether sentences are in a model's language; `en-GB` and `en_US` are English. One that is not told is."""
    return not written or written.replace("_", "-").casefold().partition("-")[0] == heard.casefold().partition("-")[0]


def foreign_language(listed: SentenceList, heard: str) -> SentenceProblem:
    """Sentences are in another language than the model hears."""
    written = listed.language
    return SentenceProblem(
        listed.path,
        line_of(written, 1),
        f"language: {written}: the model hears {heard}, and takes the sentences as if they were in that; write them in "
        f'it, or give a model that hears {written} and says language = "{written}" in its model.toml',
    )


def compile_sentences(listed: SentenceList, tokenizer: PhraseTokenizer, language: str) -> CompiledSentences:
    """What cannot be spelt becomes a problem of its template; the rest stays. `language` is that of the model.

    Raises:
        SentenceFileError: nothing is left.
    """
    speller = Speller(tokenizer)
    pruning = Pruning(speller.check_words)
    templates: list[Template] = []
    arcs: list[WordArcs] = []
    skip_words: list[str] = []
    mistakes: list[SentenceMistakeError] = []
    for template in listed.templates:
        try:
            graph = WordArcs(pruning.of(template.expression))
            check_is_said(graph)
            speller.check_words(graph)
        except SentenceMistakeError as mistake:
            mistake.line = mistake.line or template.line
            mistakes.append(mistake)
        else:
            templates.append(template)
            arcs.append(graph)
    for word in listed.skip_words:
        try:
            speller.check(word, line_of(word, 1))
        except SentenceMistakeError as mistake:
            mistakes.append(mistake)
        else:
            skip_words.append(word)
    told = (SentenceProblem(listed.path, each.line, str(each)) for each in (*pruning.mistakes, *mistakes))
    foreign = [] if is_same_language(listed.language, language) else [foreign_language(listed, language)]
    problems = list(dict.fromkeys((*foreign, *listed.problems, *told)))
    if not templates:
        raise SentenceFileError("\n".join([f"{listed.path}: has no usable sentence", *map(str, problems)]))
    usable = replace(listed, templates=tuple(templates), skip_words=tuple(skip_words), problems=tuple(problems))
    return CompiledSentences(usable, tuple(arcs), tokenizer, language)
