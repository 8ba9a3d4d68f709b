"""Grow the tree that says how letters sound in their context (IGTree; `kwsd.text.letter_sounds` has the paper)."""

from collections import Counter, defaultdict, deque
from collections.abc import Mapping

from kwsd.text.letter_sounds import MOST_SOUNDS, LetterSounds, Sound, context
from training.lexicon.letter_alignment import Alignment, Entry

Example = tuple[bytes, int]
"""The context of a letter, and the number of the sound that it has there."""


def grow(aligned: Mapping[Entry, Alignment]) -> LetterSounds:
    """Learn from aligned words; each letter of each of them is an example.

    Raises:
        ValueError: there are more sounds than one byte can number.
    """
    sounds = tuple(sorted({sound for alignment in aligned.values() for sound in alignment}))
    if len(sounds) > MOST_SOUNDS:
        raise ValueError(f"letters have {len(sounds)} sounds, more than {MOST_SOUNDS}; align them with fewer")
    numbers = {sound: number for number, sound in enumerate(sounds)}
    examples = [example for (word, _), alignment in aligned.items() for example in _examples(word, alignment, numbers)]
    return _by_levels(sounds, examples)


def _examples(word: str, alignment: Alignment, numbers: Mapping[Sound, int]) -> list[Example]:
    heard = [numbers[sound] for sound in alignment]
    return [(context(word, place, heard[:place]), number) for place, number in enumerate(heard)]


def _by_levels(sounds: tuple[Sound, ...], examples: list[Example]) -> LetterSounds:
    """Split the examples by one question after the other, level by level, where that changes an answer below."""
    keys, chosen, counts = bytearray(1), bytearray([_commonest(examples)]), bytearray()
    waiting = deque([(0, chosen[0], examples)])
    while waiting:
        depth, answer, inside = waiting.popleft()
        children = _worth_keeping(depth, answer, inside)
        counts.append(len(children))
        for key, number, below in children:
            keys.append(key)
            chosen.append(number)
            waiting.append((depth + 1, number, below))
    return LetterSounds(sounds, bytes(keys), bytes(chosen), bytes(counts))


def _worth_keeping(depth: int, answer: int, examples: list[Example]) -> list[tuple[int, int, list[Example]]]:
    """Answer, sound and examples of each child below which any example has another sound than its parent says."""
    if depth == len(examples[0][0]) or all(number == answer for _, number in examples):
        return []
    groups: defaultdict[int, list[Example]] = defaultdict(list)
    for example in examples:
        groups[example[0][depth]].append(example)
    children = [(key, _commonest(group, answer), group) for key, group in sorted(groups.items())]
    return [child for child in children if any(number != answer for _, number in child[2])]


def _commonest(examples: list[Example], otherwise: int = -1) -> int:
    """The commonest sound; `otherwise` where nothing is commoner."""
    counts = Counter(number for _, number in examples)
    number, count = counts.most_common(1)[0]
    return otherwise if counts[otherwise] == count else number
