"""The network that reads unknown words: what is trained is what is shipped, and it learns."""

from itertools import product

import pytest

torch = pytest.importorskip("torch", reason="training needs torch: scripts/training-environment says how")

from kwsd.text.letter_network import LETTERS, LetterWeights  # noqa: E402  (behind the import that may be missing)
from kwsd.text.letter_sounds import Sound  # noqa: E402
from testkit.few_words import WORDS  # noqa: E402
from training.lexicon.letter_alignment import align_all  # noqa: E402
from training.lexicon.letter_network import Reader, train_network, weights_of  # noqa: E402


@pytest.mark.parametrize("word", ["A", "CAT", "O'D"])
def test_a_reading_is_as_likely_as_the_network_that_was_trained_says(word: str) -> None:
    """The sum over all ways in which letters make these phones."""
    torch.manual_seed(len(word))
    sounds: list[Sound] = [("AA",)]
    reader = Reader(1 + len(sounds)).eval()
    with torch.no_grad():
        weights = weights_of(reader, sounds)
        expected: dict[Sound, float] = {}
        for numbers in product((0, 1), repeat=len(word)):
            letters = torch.tensor([[LETTERS.index(letter) + 1 for letter in word]])
            logits = reader(letters, [len(word)], torch.tensor([numbers])).log_softmax(dim=-1)[0]
            total = float(sum(logits[place, number] for place, number in enumerate(numbers)).exp())
            phones = ("AA",) * sum(numbers)
            expected[phones] = expected.get(phones, 0.0) + total
    found = {phones: total for total, phones in weights.read(word)}
    assert set(found) == set(expected) - {()}
    assert {phones: pytest.approx(torch.tensor(expected[phones]).log().item(), abs=1e-4) for phones in found} == found


def test_it_learns_a_dictionary_by_heart_and_reads_words_that_are_like_it() -> None:
    torch.set_num_threads(1)
    usual = {word: ways.split(", ")[0] for word, ways in WORDS.items()}
    aligned = align_all([(word, tuple(phones.split())) for word, phones in usual.items()])
    weights = train_network(aligned, epochs=100)
    assert {word: best(weights, word) for word in usual} == usual
    assert best(weights, "TIGHTS") == "T AY T S"


def best(weights: LetterWeights, word: str) -> str:
    return " ".join(weights.read(word)[0][1])
