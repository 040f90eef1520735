"""Ctrl-C while a command is still being imported."""

import os
import signal
import subprocess
import sys

import pytest

from tests import HANG_SECONDS


@pytest.mark.parametrize("module", ["exact.solve", "verify.lemma34", "deep.train", "paper_figs.table1", "stro"])
def test_it_is_one_line(module, tmp_path):
    (tmp_path / "tyro.py").write_text("raise KeyboardInterrupt")  # as if it came while this package is loaded
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        cwd=tmp_path,
    )
    assert done.stderr == "error: interrupted\n"
    assert done.returncode in (130, -signal.SIGINT)
