"""Users of an account."""
