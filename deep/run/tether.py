"""Runs a command that ends when the process that started it does, however that ends.

    python -m deep.run.tether COMMAND ...

The starter holds the other end of standard input. When it closes it, or dies, the command is stopped. So a run whose
worker was killed does not go on beside the one that takes its place.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys
import time

POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0
"""How long a command may take to leave before it is killed; runs survive being killed at any moment."""


def main(command: list[str]) -> int:
    """Run the command until it ends or standard input does; returns its exit status, 128 + N after signal N."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True)
    while process.poll() is None:
        if select.select([sys.stdin], [], [], POLL_SECONDS)[0] and not os.read(sys.stdin.fileno(), 1):
            stop(process)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End the command and whatever it started."""
    process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
