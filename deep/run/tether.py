"""Runs a command that ends when the process that started it does, however that ends.

    python -m deep.run.tether COMMAND ...

The starter holds the other end of standard input. When it closes it, or dies, the command is stopped. So a run whose
worker was killed does not go on beside the one that takes its place. `start` is for a starter that has time to wait.
"""

import contextlib
import os
import secrets
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from exact.common.files import check_target, kind_of, open_append, reason, write

TETHER = (sys.executable, "-m", "deep.run.tether")
LOOK_SECONDS = 0.5
"""Between two looks of the starter."""
LOCK_SECONDS = 60.0
"""How long a run may be held by a trainer whose worker died: it is ended well before."""
POLL_SECONDS = 0.05
GRACE_SECONDS = 10.0
"""How long a command may take to leave before it is killed; runs survive being killed at any moment."""


def start(command: Sequence[str], log: Path, go_on: Callable[[], bool]) -> int:
    """Run a command and wait for its end; returns its exit status.

    Args:
        command: the words.
        log: takes its output, after what is there.
        go_on: asked now and then; False stops the command.

    Raises:
        InputError, FaultError: it cannot be started.
    """
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(open_append(log), "ab") as file:
            # A session of its own: Ctrl-C reaches the starter only, which then stops the command in an orderly way.
            process = subprocess.Popen(
                [*TETHER, *command],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise kind_of(error)(f"cannot start a run with the log {log}: {reason(error)}") from error
    assert process.stdin is not None
    with process.stdin:
        while process.poll() is None:
            time.sleep(LOOK_SECONDS)
            if not process.stdin.closed and not go_on():
                process.stdin.close()
    return process.returncode


@contextlib.contextmanager
def going(folder: Path) -> Iterator[Path]:
    """A file in a shared folder that goes when the command ends: then the workers stop what they have started.

    SIGTERM ends the command as Ctrl-C does.
    """
    file = folder / f".going-{secrets.token_hex(4)}"
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        write(file, "")
        yield file
    finally:
        file.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, before)


def is_free(directory: Path) -> bool:
    """Whether no other trainer has the run. One whose worker died needs a moment to leave."""
    if not directory.exists():
        return True
    try:
        check_target(directory / "lock")
    except OSError:  # a link, say, which FileLock would follow: the run is refused in its own words
        return True
    try:
        with FileLock(directory / "lock", timeout=LOCK_SECONDS, fallback_to_soft=False):
            return True
    except Timeout:
        return False


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
