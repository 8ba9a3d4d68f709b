"""A dictionary of a few words, for tests of what learns from one."""

WORDS = {
    "A": "AX, EY",
    "ALEXA": "AX L EH K S AX",
    "AND": "AX N D, AE N D",
    "BATS": "B AE T S",
    "BOX": "B AA K S",
    "BUS": "B AH S",
    "CAT": "K AE T",
    "CATS": "K AE T S",
    "DOG": "D AO G",
    "HEY": "HH EY",
    "LIGHT": "L AY T",
    "LIGHTS": "L AY T S",
    "NIGHT": "N AY T",
    "OFF": "AO F",
    "ON": "AA N, AO N",
    "PLAY": "P L EY",
    "READ": "R IY D, R EH D",
    "RED": "R EH D",
    "TABS": "T AE B Z",
    "TIGHT": "T AY T",
    "TURN": "T ER N",
}
"""Pronunciations, the usual one first, separated by commas."""
