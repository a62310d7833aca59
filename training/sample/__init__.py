"""Samples: cards that put files into a user's bucket and open a prefilled form."""
