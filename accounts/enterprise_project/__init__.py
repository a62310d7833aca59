"""Enterprise projects: groups of resources inside an account."""
