"""The demonstration: the whole story of two accounts, played over the public API alone."""
