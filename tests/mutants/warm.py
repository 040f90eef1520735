"""A warm process that runs commands of a copy of the project: `python -m` lines of verify, or pytest.

It imports the heavy libraries once, and nothing of the project. Each request is one line of JSON on its standard input;
a fork of the process answers it in the folder that the request names, so that it imports the project from there. The
answer is one line of JSON: the exit status (null: stopped after the limit) and the end of what was printed.

    {"folder": "/tmp/copy", "limit": 60, "pytest": ["tests/exact/test_mdp.py"]}
    {"folder": "/tmp/copy", "limit": 60, "command": "verify.lemma34 --mdp cash-in"}
"""

import json
import os
import runpy
import signal
import sys
import tempfile
import time
from typing import Any

TAIL = 40_000
"""Characters of the output that are handed on."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run one request in a fork of this process, and in a group of its own, which is stopped as a whole."""
    with tempfile.TemporaryFile() as output:
        child = os.fork()
        if child == 0:
            os.setsid()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os._exit(status(request))
        ended = None
        for _ in range(int(20 * request["limit"])):
            found, waited = os.waitpid(child, os.WNOHANG)
            if found:
                ended = os.waitstatus_to_exitcode(waited)
                break
            time.sleep(0.05)
        else:
            os.killpg(child, signal.SIGKILL)
            os.waitpid(child, 0)
        output.seek(0)
        return {"status": ended, "output": output.read().decode(errors="replace")[-TAIL:]}


def status(request: dict[str, Any]) -> int:
    """What the command would say to a shell."""
    os.chdir(request["folder"])
    sys.path.insert(0, request["folder"])
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    code: Any = 1
    try:
        if "pytest" in request:
            code = pytest.main(["-x", "-q", "-rfE", "-p", "no:cacheprovider", *request["pytest"]])
        else:
            module, *words = request["command"].split()
            sys.argv = [module, *words]
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
    except SystemExit as stop:
        code = 0 if stop.code is None else stop.code
    except BaseException as error:
        print(f"{type(error).__name__}: {error}")
    sys.stdout.flush()
    sys.stderr.flush()
    return code if isinstance(code, int) else 1


if __name__ == "__main__":
    # The folder of this file comes first on the path of a script. Nothing may be imported from it.
    sys.path.pop(0)
    import flint  # noqa: F401
    import pytest
    import scipy.linalg
    import scipy.optimize
    import scipy.sparse.linalg
    import scipy.special  # noqa: F401
    import tyro  # noqa: F401

    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
