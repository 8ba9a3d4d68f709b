"""Phrases to ids and back, over a sentencepiece model trained here, and over upstream's."""

import io
import re
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from kwsd.errors import ModelError
from kwsd.text.pieces import Tokenizer
from kwsd.text.vocabulary import read_tokens

CORPUS = ["LIGHT UP THE LIGHTS", "TURN THE LIGHTS DOWN", "LOVELY CHILD FOREVER", "SNOW BOY IT'S A SNOW-BALL"] * 20


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bpe.model of 60 pieces, and a tokens.txt that numbers them the other way round behind `<blk>`."""
    directory = tmp_path_factory.mktemp("bpe")
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=trained, vocab_size=60, model_type="bpe", minloglevel=2
    )
    (directory / "bpe.model").write_bytes(trained.getvalue())
    pieces = [piece for piece in sentencepiece_pieces(trained.getvalue()) if not piece.startswith("<")]
    lines = [f"{piece} {token}" for token, piece in enumerate(["<blk>", "<unk>", *reversed(pieces)])]
    (directory / "tokens.txt").write_text("\n".join(lines), encoding="utf-8")
    return directory


def sentencepiece_pieces(model: bytes) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    return [processor.id_to_piece(token) for token in range(processor.vocab_size())]


@pytest.fixture(scope="module")
def tokenizer(model_dir: Path) -> Tokenizer:
    return Tokenizer.load(model_dir)


def test_ids_are_those_of_tokens_txt(model_dir: Path, tokenizer: Tokenizer) -> None:
    tokens = read_tokens(model_dir / "tokens.txt")
    ids = tokenizer.encode("LIGHT UP")
    assert "".join(tokens[token] for token in ids) == "▁LIGHT▁UP"
    assert tokenizer.pieces(ids) == tuple(tokens[token] for token in ids)


@pytest.mark.parametrize("text", ["light up", "Light Up", "  LIGHT \t UP "])
def test_the_case_and_the_blanks_do_not_matter(tokenizer: Tokenizer, text: str) -> None:
    assert tokenizer.encode(text) == tokenizer.encode("LIGHT UP")


def test_a_vocabulary_of_small_letters_is_found_too() -> None:
    small = Tokenizer(lambda word: ["▁", *word], ("<blk>", "▁", *"abcdefghijklmnopqrstuvwxyz"))
    assert small.pieces(small.encode("LIGHT")) == ("▁", "l", "i", "g", "h", "t")


def test_ready_made_pieces_are_taken_as_they_are(tokenizer: Tokenizer) -> None:
    pieces = ("▁", "L", "I", "G", "H", "T")
    assert tokenizer.pieces(tokenizer.encode("▁ L I G H T")) == pieces
    assert tokenizer.encode("LIGHT") != tokenizer.encode("▁ L I G H T")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("CAFÉ", '"CAFÉ" has "É", which the vocabulary of the model lacks; did you mean "CAFE"?'),
        ("20 LIGHTS", '"20 LIGHTS" has "20", which the vocabulary of the model lacks'),
        ("▁LIGHT ▁QUUX", '"▁LIGHT ▁QUUX" has "▁QUUX", which the vocabulary of the model lacks'),
        ("▁ L <blk>", '"▁ L <blk>" has "<blk>", which the vocabulary of the model lacks'),
        ("  ", "there is no text"),
    ],
)
def test_what_cannot_be_written_is_named(tokenizer: Tokenizer, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        tokenizer.encode(text)


def test_word_starts(tokenizer: Tokenizer) -> None:
    starts = [tokenizer.is_word_start(token) for token in tokenizer.encode("▁LIGHT S ▁ U P")]
    assert starts == [True, False, True, False, False]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("<blk> 0\nA\n", ":2: 'A' is not `piece id`"),
        ("<blk> 0\nA one\n", ":2: 'A one' is not `piece id`"),
        ("<blk> 0\nA 1\nB 1\n", ":3: id 1 is already taken by 'A'"),
        ("<blk> 0\nA 2\n", ": id 1 is missing; ids must be 0 to 1"),
        ("A 0\n<blk> 1\n", ": id 0 must be <blk>, is 'A'"),
        ("", ": id 0 must be <blk>, is None"),
    ],
)
def test_a_wrong_tokens_txt_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "tokens.txt"
    path.write_text(content)
    with pytest.raises(ModelError, match=f"^{re.escape(str(path) + message)}$"):
        read_tokens(path)


def test_a_missing_tokens_txt_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"tokens\.txt: cannot be read"):
        Tokenizer.load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_wrong_bpe_model_is_named(model_dir: Path, tmp_path: Path, content: bytes | None) -> None:
    (tmp_path / "tokens.txt").write_bytes((model_dir / "tokens.txt").read_bytes())
    if content is not None:
        (tmp_path / "bpe.model").write_bytes(content)
    with pytest.raises(ModelError, match=r"bpe\.model: .*fetch the model again"):
        Tokenizer.load(tmp_path)


@pytest.fixture(scope="module")
def upstream(shared_model_dir: Path) -> Tokenizer:
    return Tokenizer.load(shared_model_dir)


@pytest.mark.model
@given(words=st.lists(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ'-", min_size=1), min_size=1, max_size=6))
def test_word_by_word_is_what_sentencepiece_does(words: list[str], upstream: Tokenizer, shared_model_dir: Path) -> None:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(shared_model_dir / "bpe.model"))
    text = " ".join(words)
    assert upstream.encode(text) == tuple(processor.encode(text))


@pytest.mark.model
def test_upstreams_model(upstream: Tokenizer) -> None:
    assert upstream.pieces(upstream.encode("forever")) == ("▁FOR", "E", "VER")
    assert upstream.pieces(upstream.encode("FOR EVER")) == ("▁FOR", "▁E", "VER")
