"""Who does as a message says gets what was meant: every remedy is followed, by a shell, with the model that ships."""

import re
import shutil
from pathlib import Path

import pytest

from kwsd.acoustic.model import Model
from kwsd.errors import KeywordFileError
from kwsd.keywords.files import check_keywords, read_keyword_file
from kwsd.keywords.keyword import Keyword
from testkit.commands import KWSD, Completed, run

ROOT = Path(__file__).parents[2]
HEARD = "play some music"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two recordings of the demo, and a list."""
    for name in ("one.wav", "two words.wav"):
        shutil.copy(ROOT / "models" / "demo.wav", tmp_path / name)
    (tmp_path / "k.txt").write_text(f"{HEARD}\n")
    return tmp_path


def shell(place: Path, line: str) -> Completed:
    """What somebody types, with our kwsd."""
    return run("sh", "-c", line, home=place, environ={"PATH": f"{Path(KWSD).parent}:/usr/bin:/bin"})


def told(place: Path, line: str) -> str:
    """The message that a command ends with, wrongly used; no list of every flag stands before it."""
    done = shell(place, line)
    assert done.returncode in {1, 2, 78}, done
    assert len(done.stderr.splitlines()) <= 4
    return done.stderr


def test_kwsd_alone_says_in_three_lines_what_to_type(place: Path) -> None:
    said = told(place, "kwsd").splitlines()
    assert len(said) == 3
    own, shipped = (line.partition("kwsd: ")[2] for line in said[1:])
    for line in (own.strip(), re.findall("kwsd --keywords .*", shipped)[0]):
        done = shell(place, f"{line} --input one.wav")
        assert (done.returncode, done.stderr) == (0, ""), line
    assert HEARD in done.stdout


@pytest.mark.parametrize("phrase", [HEARD, "don't stop"])
@pytest.mark.parametrize("typed", ["kwsd --keywords {} --input one.wav", "kwsd {} --input one.wav"])
def test_a_phrase_where_a_list_is_wanted(place: Path, typed: str, phrase: str) -> None:
    said = told(place, typed.format(f'"{phrase}"'))
    written = re.findall(r"echo .+ > commands\.txt", said)
    assert written, said
    done = shell(place, f"{written[0]} && kwsd --keywords commands.txt --input one.wav")
    assert (done.returncode, done.stderr, HEARD in done.stdout) == (0, "", phrase == HEARD)


@pytest.mark.parametrize(
    ("typed", "rest"),
    [
        ("kwsd k.txt --input one.wav", "--input one.wav"),
        ("kwsd --keywords k.txt one.wav", "--keywords k.txt"),
        ("kwsd --keywords k.txt 'two words.wav'", "--keywords k.txt"),
        ("kwsd --keywords k.txt --inputs one.wav --input one.wav", "--keywords k.txt one.wav"),
        ("kwsd --keywords comands_small.txt --input one.wav", "--input one.wav"),
    ],
)
def test_a_flag_left_out_or_mistyped(place: Path, typed: str, rest: str) -> None:
    said = told(place, typed)
    meant = re.findall(r"write (--.*)|did you mean (.*?)(?:\?|,)", said)
    assert meant, said
    words, other = rest.partition(" one.wav")[::2] if "did you mean --" in said else (rest, "")
    flag = "".join(meant[0])
    flag = flag if flag.startswith("--") else f"--keywords {flag}"
    done = shell(place, f"kwsd {words} {flag}{' one.wav' if other or 'did you mean --' in said else ''}")
    assert (done.returncode, done.stderr) == (0, ""), (flag, done)


@pytest.mark.parametrize(
    "word", ["\u2014keywords", "\u2013-keywords", "/keywords", "-keywords", "\u2014keywords=k.txt"]
)
def test_a_dash_of_a_word_processor_or_of_another_system(place: Path, word: str) -> None:
    typed = f"kwsd {word}{'' if '=' in word else ' k.txt'} --input one.wav"
    (meant,) = re.findall(r"did you mean (--keywords)\?", told(place, typed))
    done = shell(place, typed.replace(word.partition("=")[0], meant))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("given", ["<(echo stop)", "/dev/stdin", "-"])
def test_a_list_that_comes_by_a_pipe_is_to_be_a_file(place: Path, given: str) -> None:
    done = run("bash", "-c", f"echo stop | '{KWSD}' --keywords {given} --input one.wav", home=place)
    assert done.returncode == 78, done
    assert "write the phrases to a file, which is read again when it changes" in done.stderr


def test_many_recordings_by_a_pattern(place: Path) -> None:
    done = shell(place, "kwsd --keywords k.txt --input *.wav")
    assert (done.returncode, done.stdout.count(HEARD)) == (0, 2)


LINES = (
    "АLЕХА", "alexа", "ДOM", "привет", "lights™", "hi☃", "Łódź 你", "a=b", "x²", "½ speed", "№ 5", "5 §", "50 ~",
    "hey jarvis: 1.5", "hey jarvis:2", "hey jarvis 0.5", "stop 0,5", "stop :1,5", "stop #0,35", "▁HE LL O",
    "HH AH0 L OW1", "/Z OW Q/", "- stop", "1. stop", "* lights on", "stop // for the radio", "stop = HALT",
    "stop -> HALT", "stop threshold=0.4", "stop boost: 2", "stop [0.4]", "lights on,lights.sh",
    "lights on;0.4", "lights on;lights.sh", '"lights on",0.4', "* **lights on**", "- `stop`", "- [ ] stop",
)  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_a_line_written_as_its_message_says_is_good(tmp_path: Path, line: str) -> None:
    """The suggestion is put where the word, sign or number was; what remains without one stands in no words at all."""
    model = Model.load("kwsd-en")
    path = tmp_path / "k.txt"
    path.write_text(f"alarm\n{line}\n", encoding="utf-8")
    (problem,) = read_keyword_file(path, model.tokenizer).problems
    path.write_text(f"alarm\n{followed(line, problem.text)}\n", encoding="utf-8")
    found = read_keyword_file(path, model.tokenizer)
    assert (len(found.keywords), found.problems) == (2, ()), problem


def followed(line: str, text: str) -> str:
    """The line after doing what is said of it."""
    if found := re.search(r"written ([@#:]\S+)$", text):
        return f"{re.split(r' (?:[=-]|threshold|boost)', line)[0]} {found[1]}"
    if "alone" in text or "one phrase stands" in text:
        return re.split(r"[,;]| \[(?! )", line.replace("[ ] ", ""))[0].strip('-*1. `"')
    word, *signs = re.findall(r'"([^"]+)"', text.partition("; ")[0])
    line = line.replace(" //", "\n#") if "comment" in text else line
    if meant := re.findall(r'did you mean "(.+)"\?', text):
        return line.replace(word, meant[0])
    if "in words, such as" in text:
        for sign, said in zip(signs, re.findall(r'"([^"]+)"', text.partition("such as")[2]), strict=True):
            line = line.replace(sign, f" {said} ")
        return line
    if written := re.findall(r"(?:, |like |written )([:#][0-9.]+)", text):
        return re.sub(r"[:#]?\s*[0-9.,]+$", "", line).rstrip(": ") + f" {written[0]}"
    return "hello" if "write the" in text or "there are" in text or "A to Z" in text else line


def test_a_list_in_the_form_of_programs(tmp_path: Path) -> None:
    model = Model.load("kwsd-en")
    for written in ('["play some music", "stop"]', '{"phrases": ["stop"]}', "[[keyword]]\nphrase = 'stop'"):
        path = tmp_path / "k.txt"
        path.write_text(written)
        with pytest.raises(KeywordFileError, match="is no text but TOML or JSON"):
            read_keyword_file(path, model.tokenizer)
    path.rename(tmp_path / "k.toml")
    assert len(read_keyword_file(tmp_path / "k.toml", model.tokenizer).keywords) == 1


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("kwsd help", ""),
        ("kwsctl help", ""),
        ("kwsctl help check", ""),
        ("kwsd -k k.txt --input one.wav", "kwsd --keywords k.txt --input one.wav"),
        ("kwsd -i one.wav --keywords k.txt", "kwsd --keywords k.txt --input one.wav"),
        (
            "kwsd --threshold 0,5 --keywords k.txt --input one.wav",
            "kwsd --threshold 0.5 --keywords k.txt --input one.wav",
        ),
        ("kwsd --keywords k.txt --input /dev/stdin < one.wav", ""),
    ],
)
def test_habits_of_other_programs(place: Path, typed: str, mended: str) -> None:
    done = shell(place, typed)
    if mended:
        meant = re.findall(r"did you mean (--[a-z]+)\?|such as (0.5)$", done.stderr)
        assert "".join(meant[0]) in mended
        done = shell(place, mended)
    assert done.returncode == 0, done


def test_what_is_piped_is_told_of_where_the_microphone_is_heard(place: Path) -> None:
    done = shell(place, "cat one.wav | timeout 4 kwsd --keywords k.txt --socket k.sock")
    assert "standard input; --input - hears that" in done.stderr


def test_a_recording_of_another_format(place: Path) -> None:
    (place / "talk.m4a").write_bytes(b"\0\0\0 ftypM4A " + bytes(50))
    said = told(place, "kwsd --keywords k.txt --input talk.m4a")
    assert "ffmpeg -i talk.m4a talk.wav" in said


def test_a_program_is_told_of_the_same_and_what_it_does_then_is_good() -> None:
    """Over the socket and in the library; the keyword stays, as it was given."""
    tokenizer = Model.load("kwsd-en").tokenizer
    for phrase in ("1. stop", "- stop", "stop [0.4]", "stop,stop.sh"):
        (problem,) = check_keywords([Keyword(phrase)], tokenizer).problems
        assert not check_keywords([Keyword(followed(phrase, problem.text))], tokenizer).problems, problem
