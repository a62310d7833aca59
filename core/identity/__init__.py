"""Which installation something belongs to, told without Django: the supervisor asks before it
starts anything, the runner carries it. ``core.installation`` is the side of the database."""
