"""A phrase becomes the texts, pieces or phones that a model may write for it."""
