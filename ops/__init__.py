"""What keeps an installation safe beyond its processes: backup and restore."""
