"""The detached supervisor of one attempt: fetch, run in the sandbox, keep the log, upload, report.

Standard library only and no Django: it starts in tens of milliseconds, and a change in the web
application cannot stop a job that is already running. The contract is `compute.runner.spec`.
"""
