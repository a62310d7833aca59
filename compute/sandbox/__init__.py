"""Isolation of programs that users bring: what they see, what they may use, how they are ended."""

from compute.sandbox.cgroups import JobGroup, discover
from compute.sandbox.command import write_etc
from compute.sandbox.process import SandboxProcess, start
from compute.sandbox.report import Problem, SandboxReport, SandboxUnavailable, capabilities
from compute.sandbox.spec import Bind, Limits, SandboxSpec

__all__ = [
    "Bind",
    "JobGroup",
    "Limits",
    "Problem",
    "SandboxProcess",
    "SandboxReport",
    "SandboxSpec",
    "SandboxUnavailable",
    "capabilities",
    "discover",
    "start",
    "write_etc",
]
