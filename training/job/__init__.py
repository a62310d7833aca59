"""Training jobs: the user's code, run as a sandboxed process, watched until its true end."""
