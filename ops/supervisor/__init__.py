"""Starts the processes of one machine, watches and stops them: docs/mechanisms/processes.md."""
