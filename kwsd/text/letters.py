"""Letters that are not of the English alphabet, and signs: the nearest spelling, for people and for reading out."""

import re
import unicodedata

_TO_LATIN = {
    "Ł": "L", "Ø": "O", "Đ": "D", "Ð": "D", "Þ": "TH", "Æ": "AE", "Œ": "OE", "ẞ": "SS", "ß": "SS", "Ħ": "H", "Ŧ": "T",
    "Ŋ": "NG", "ı": "I", "Ə": "E", "’": "'", "‘": "'", "`": "'", "ʼ": "'", "ʻ": "'", "‐": "-", "‑": "-", "–": "-",
}  # fmt: skip
_LOOKALIKES = str.maketrans("АВЕЅЗКМНОРСТУХІЈԌΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABES3KMHOPCTYXIJGABEZHIKMNOPTYX")
_SOUNDS = dict(
    re.findall(
        r"(\w)=(\w*)",
        "А=A Б=B В=V Г=G Ґ=G Д=D Е=E Ё=YO Є=YE Ж=ZH З=Z И=I Й=Y І=I Ї=YI К=K Л=L М=M Н=N О=O П=P Р=R С=S Т=T У=U Ф=F "
        "Х=KH Ц=TS Ч=CH Ш=SH Щ=SHCH Ъ= Ы=Y Ь= Э=E Ю=YU Я=YA Α=A Β=V Γ=G Δ=D Ε=E Ζ=Z Η=I Θ=TH Ι=I Κ=K Λ=L Μ=M Ν=N Ξ=X "
        "Ο=O Π=P Ρ=R Σ=S Τ=T Υ=I Φ=F Χ=CH Ψ=PS Ω=O",
    )
)
"""Cyrillic and Greek capitals by the Latin ones of their sound."""
_SIGN_WORDS = {
    "$": "dollars", "€": "euros", "£": "pounds", "¥": "yen", "°": "degrees", "%": "percent", "=": "equals",
    "*": "times", "×": "times", "÷": "divided by", "<": "less than", ">": "more than", "~": "about", "#": "number",
    "§": "section", "²": "squared", "³": "cubed", "|": "or", "\\": "backslash", "^": "to the power of",
    "№": "number", "½": "a half", "¼": "a quarter", "¾": "three quarters", "−": "minus", "∞": "infinity",
}  # fmt: skip


def latin(text: str) -> str:
    """Capitals without accents and strokes, typewriter quotes and hyphens: Łódź → LODZ."""
    capitals = "".join(_TO_LATIN.get(letter, letter) for letter in text.upper())
    decomposed = unicodedata.normalize("NFKD", capitals).upper()
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def is_sign(character: str) -> bool:
    """Whether it is a number or symbol that Unicode takes for letters or digits (™, ²), as nobody says it."""
    return not character.isascii() and unicodedata.category(character) in {"No", "So"}


def remedy(word: str, strange: list[str]) -> str:
    """What to write instead of characters that cannot be said or written; empty where nobody knows."""
    known = [f'"{_SIGN_WORDS[sign]}"' for sign in strange if sign in _SIGN_WORDS]
    if known:
        return f"write it in words, such as {', '.join(known)}"
    look = latin("".join(letter for letter in word if letter not in strange or not is_sign(letter)))
    if any("A" <= letter <= "Z" for letter in look):  # a lone stranger among them is one that looks alike
        look = look.translate(_LOOKALIKES)
    look = "".join(_SOUNDS.get(letter, letter) for letter in look).strip("'-")
    if look.isascii() and look.replace("'", "").replace("-", "").isalpha():
        return f'did you mean "{look}"?'
    if all(unicodedata.category(sign)[0] not in "LN" for sign in strange):
        names = ", ".join(unicodedata.name(sign, "a sign").lower() for sign in strange[:3])
        return f"leave it out, or write in words what is said for it ({names})"
    return ""
