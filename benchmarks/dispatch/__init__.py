"""From submission to the first line: see ``__main__``."""
