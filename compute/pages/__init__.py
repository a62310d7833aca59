"""Pages of the room: pools and engines, which belong to the installation, not to an account."""
