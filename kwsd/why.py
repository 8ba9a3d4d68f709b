"""Why a keyword was heard or not: what decided it, as one record, and that record in three plain sentences."""

from collections.abc import Mapping
from typing import Any

from kwsd.quick_dataclass import dataclass
from kwsd.units import WORD_START

CUT_OFF_S = 0.3  # the first token is heard up to a quarter of a second behind where its sound begins
FAINT_DB, NOISY_DB = -50.0, 15.0  # below the one nobody speaks into a microphone; speech at ease is 20 dB over its room


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardToken:
    """One piece or phone of what was looked for."""

    token: str
    posterior: float
    """How sure the model is of it where it is likeliest, 0 to 1."""
    time: float
    """Where that is, seconds of the stream."""
    emitted: float
    """Where the search took it, seconds of the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What decided a detection or a near miss."""

    rule: str
    """That fired it (`score`: sure enough among other words; `alone`: sure enough for what is said alone) or held it
    back, as the search calls its rules, such as `low_score` or `word_goes_on`."""
    spelling: str
    """The text that was looked for."""
    tokens: tuple[HeardToken, ...]
    score: float
    """What the threshold is compared with, 0 to 1: the mean posterior, or what a fitted model makes of all signs."""
    threshold: float
    """Score that is needed, 0 to 1."""
    running_threshold: float
    """The same among other words, where it is more."""
    margin_nats: float | None = None
    """How much less probable than the best way to hear the sound: 0 or below; null where an engine knows no other."""
    least_margin_nats: float | None = None
    """The least that is needed among other words."""
    level_db: float | None = None
    """How loud the phrase was; full scale is about 0 dB."""
    noise_db: float | None = None
    """How loud the quietest tenth of the last seconds was: what the room and the microphone make themselves."""
    gain_db: float = 0.0
    """By how much it was lifted, for the network to hear it louder than that."""
    lead_s: float | None = None
    """Unbroken sound before the first token, at most the last ten seconds."""
    next_token: str | None = None
    """What was heard behind it, where the word went on."""


def evidence_of(fields: Mapping[str, Any]) -> Evidence:
    """The record as it came over the socket; what a newer daemon adds is left out."""
    known = {name: value for name, value in fields.items() if name in Evidence.__dataclass_fields__}
    names = HeardToken.__dataclass_fields__
    tokens = ({name: token[name] for name in names} for token in fields["tokens"])
    return Evidence(**{**known, "tokens": tuple(HeardToken(**token) for token in tokens)})


def sentences(keyword: str, why: Evidence) -> tuple[str, str, str]:
    """How sure each word was, what decided, and how it sounded."""
    heard = [f"{word} with {posterior:.2f}" for word, posterior in words(why)]
    listed = " and ".join(", ".join(part) for part in (heard[:-1], heard[-1:]) if part)
    needed = why.threshold if why.rule == "alone" else max(why.threshold, why.running_threshold)
    mean = "" if len(why.tokens) == 1 and why.score == why.tokens[0].posterior else f": {why.score:.2f}"
    return f"Heard {listed}{mean} of the needed {needed:.2f}.", f"{decided(keyword, why)}.", f"{sounded(why)}."


def words(why: Evidence) -> list[tuple[str, float]]:
    """Each word that was looked for and how sure the model is of it, 0 to 1: the mean of its tokens."""
    groups: list[list[HeardToken]] = []
    for token in why.tokens:
        if token.token.startswith(WORD_START) or not groups:
            groups.append([])
        groups[-1].append(token)
    names: list[str] = []
    for number, part in enumerate(why.spelling.split("/")):  # phones stand between slashes, and are one word
        names += [part.strip()] if number % 2 else part.replace("-", " ").split()
    if len(names) != len(groups):
        names = ["-".join(_plain(token.token) for token in group) for group in groups]
    return [
        (name, sum(token.posterior for token in group) / len(group)) for name, group in zip(names, groups, strict=True)
    ]


def decided(keyword: str, why: Evidence) -> str:
    """The rule, and the sound that spoke most against the keyword."""
    weakest = min(why.tokens, key=lambda token: token.posterior)
    verdict = "told" if why.rule in {"score", "alone"} else "held back"
    because = BECAUSE.get(why.rule, why.rule)
    margin, least = why.margin_nats, why.least_margin_nats
    if why.rule == "not_alone" and margin is not None and least is not None and margin < least:
        because += f": there it may be {-least:.1f} nats less likely than anything else, and it was {-margin:.1f}"
    if why.next_token is not None:
        because += f" with {_plain(why.next_token)}"
    weak = f"{_plain(weakest.token)} with {weakest.posterior:.2f} at {weakest.time:.2f} s"
    return f'"{keyword}" was {verdict} because {because}; its weakest sound was {weak}'


def sounded(why: Evidence) -> str:
    """How loud it was over the noise, and what was wrong with the sound."""
    if why.level_db is None or why.noise_db is None:
        return "How loud it was is not known for this engine"
    over = why.level_db - why.noise_db
    faults = []
    if why.lead_s is not None and why.lead_s < CUT_OFF_S:
        first = _plain(why.tokens[0].token)
        faults.append(f"the {first} was cut off, for the sound begins {1000 * why.lead_s:.0f} ms before it")
    if why.level_db < FAINT_DB:
        faults.append("that is very quiet: speak up, go nearer or turn the microphone up")
    if over < NOISY_DB:
        faults.append(f"only {over:.0f} dB over the noise: go nearer or make it quieter")
    said = f"It was said at {why.level_db:.0f} dB over noise of {why.noise_db:.0f} dB"
    if why.gain_db:
        said += f", lifted by {why.gain_db:.0f} dB"
    return f"{said}; {' and '.join(faults)}" if faults else f"{said}, which is clear enough"


def _plain(token: str) -> str:
    return token.removeprefix(WORD_START)


BECAUSE = {
    "score": "that is enough, also among other words",
    "alone": "it was said alone, with a pause before and behind it",
    "not_alone": "other words stood beside it, and among these it needs more",
    "low_score": "that is too little",
    "other_text": "the sound was likelier as something else",
    "low_min_score": "one of its sounds was hardly there",
    "tokens_apart": "its sounds were too far apart",
    "too_short": "it was said too fast",
    "in_refractory": "it had just been told",
    "overlaps_hit": "another keyword explained the same sound better",
    "more_may_follow": "a longer word or keyword might have followed",
    "word_goes_on": "the word went on",
    "next_word_too_soon": "another word followed at once",
}
"""What each rule means, for people."""
