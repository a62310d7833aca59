"""API tokens and short-lived credentials."""
