"""Letters that are not of the English alphabet, and signs: the nearest spelling, for people and for reading out."""

import unicodedata

_TO_LATIN = {
    "Ł": "L", "Ø": "O", "Đ": "D", "Ð": "D", "Þ": "TH", "Æ": "AE", "Œ": "OE", "ẞ": "SS", "ß": "SS", "Ħ": "H", "Ŧ": "T",
    "Ŋ": "NG", "ı": "I", "Ə": "E", "’": "'", "‘": "'", "`": "'", "ʼ": "'", "ʻ": "'", "‐": "-", "‑": "-", "–": "-",
}  # fmt: skip
_LOOKALIKES = str.maketrans("АВЕЅЗКМНОРСТУХІЈԌΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABES3KMHOPCTYXIJGABEZHIKMNOPTYX")
_SIGN_WORDS = {
    "$": "dollars", "€": "euros", "£": "pounds", "¥": "yen", "°": "degrees", "%": "percent", "=": "equals",
    "*": "times", "×": "times", "÷": "divided by", "<": "less than", ">": "more than", "~": "about", "#": "number",
    "§": "section", "²": "squared", "³": "cubed", "|": "or", "\\": "backslash", "^": "to the power of",
}  # fmt: skip


def latin(text: str) -> str:
    """Capitals without accents and strokes, typewriter quotes and hyphens: Łódź → LODZ."""
    capitals = "".join(_TO_LATIN.get(letter, letter) for letter in text.upper())
    decomposed = unicodedata.normalize("NFKD", capitals)
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


def remedy(word: str, strange: list[str]) -> str:
    """What to write instead of characters that cannot be said or written; empty where nobody knows."""
    look = latin(word).translate(_LOOKALIKES)
    if look.isascii() and look.strip("'-").isalpha():
        return f'did you mean "{look}"?'
    known = [f'"{_SIGN_WORDS[sign]}"' for sign in strange if sign in _SIGN_WORDS]
    if known:
        return f"write it in words, such as {', '.join(known)}"
    if all(unicodedata.category(sign)[0] not in "LN" for sign in strange):
        names = ", ".join(unicodedata.name(sign, "a sign").lower() for sign in strange[:3])
        return f"leave it out, or write in words what is said for it ({names})"
    return ""
