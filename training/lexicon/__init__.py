"""How words sound: made of CMUdict, for any model of phones."""
