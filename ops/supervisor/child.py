"""Asks the kernel for a signal when the supervisor dies, then becomes the program.

Run as a script: `python -I -S child.py <supervisor's pid> <signal> -- <program> <argument>...`.
A separate exec, and not Popen's preexec_fn, because code between fork and exec of a process that
has threads may deadlock (the subprocess documentation warns of it).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>; see prctl(2)


def main() -> None:
    parent, signal, separator, *argv = sys.argv[1:]
    if separator != "--" or not argv:
        sys.exit("usage: child.py PARENT_PID SIGNAL -- PROGRAM ARGUMENT...")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0) != 0:
        code = ctypes.get_errno()
        sys.exit(f"child.py: prctl(PR_SET_PDEATHSIG) failed: {os.strerror(code)}")
    # The supervisor may have died before the line above: then nothing would ever arrive.
    if os.getppid() != int(parent):
        sys.exit("child.py: the supervisor is gone; not starting " + argv[0])
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - becoming the program is the purpose
    except OSError as problem:
        sys.exit(f"{argv[0]} cannot be started: {problem.strerror}")


if __name__ == "__main__":
    main()
