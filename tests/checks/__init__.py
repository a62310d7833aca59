"""What `./test` runs: `python -m tests.checks [--fast] [pytest arguments]`."""
