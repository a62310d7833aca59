"""People, jobs and predictions at once on a real installation: see ``__main__``."""
