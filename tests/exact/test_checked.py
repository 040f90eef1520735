"""Sparse matrices whose arrays do not fit together never reach SciPy's compiled code.

Everything is tried in a child process: without the check SciPy writes past the ends of the arrays.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from exact.arrays import checked
from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.files import FORMAT, load_mdp

R, RHO0 = np.zeros((3, 2)), np.full(3, 1 / 3)
DATA, INDICES = np.full(9, 0.5), np.array([0, 1, 0, 0, 2, 0, 0, 2, 0])
BORDERS = {
    "the last border is negative": [0, 2, 3, 5, 6, 8, -9],
    "the last border is zero": [0, 2, 3, 5, 6, 8, 0],
    "differences wrap around": [0, 2**63 - 1, -2, 9, 9, 9, 9],
}
"""Of the rows of a 6 x 3 matrix with nine numbers. SciPy's check_format accepts all three."""


def bare(kind, fields, shape):
    """A matrix with these arrays, which SciPy's constructor has not seen."""
    matrix = kind(shape)
    for field, value in fields.items():
        setattr(matrix, field, np.array(value))
    return matrix


def attempts(folder: Path, borders: list[int]) -> Iterator[tuple[str, Callable[[], object]]]:
    """What takes a sparse matrix from outside, by name."""
    fields = {"data": DATA, "indices": INDICES, "indptr": np.array(borders)}
    whole = {"format": FORMAT, "discount": 0.9, "initial": RHO0, "rewards": R} | fields
    np.savez(folder / "bad.npz", **whole)
    plain = {key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in whole.items()}
    (folder / "bad.json").write_text(json.dumps(plain))
    yield "fields .npz", partial(load_mdp, folder / "bad.npz")
    yield "fields .json", partial(load_mdp, folder / "bad.json")
    mask = np.array([[True, False]] * 3)
    for available in (None, mask):
        yield "transitions", partial(MDP, bare(sparse.csr_array, fields, (6, 3)), R, RHO0, 0.9, available=available)
    yield "transitions, csc", partial(MDP, bare(sparse.csc_array, fields, (3, 6)), R, RHO0, 0.9)
    blocks = fields | {"data": DATA[:, None, None]}
    yield "transitions, bsr", partial(MDP, bare(sparse.bsr_array, blocks, (6, 3)), R, RHO0, 0.9)
    square = bare(sparse.csr_matrix, fields, (6, 6))
    yield "P", partial(MDP.from_pymdptoolbox, [square], np.zeros((6, 1)), 0.9)
    identity = sparse.eye_array(6, format="csr")
    yield "R in a list", partial(MDP.from_pymdptoolbox, [identity], [square], 0.9)
    yield "R", partial(MDP.from_pymdptoolbox, [identity], square, 0.9)
    pairs = np.zeros(6), square, np.arange(6), np.zeros(6, dtype=int)
    yield "Q", partial(MDP.from_state_action_pairs, *pairs, 0.9)


def main(folder: Path) -> int:
    """Try everything often, as damaged memory need not show at once; returns how many were refused."""
    refused = 0
    for what, borders in BORDERS.items():
        for name, attempt in attempts(folder, borders):
            for _ in range(20):
                with pytest.raises(InputError, match="indptr must be a non-decreasing") as caught:
                    attempt()
                assert "\n" not in str(caught.value), (what, name)
            refused += 1
    return refused


def test_no_unchecked_array_reaches_compiled_code(tmp_path):
    code = f"import sys, pathlib; from {__name__} import main; print(main(pathlib.Path(sys.argv[1])))"
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, str(10 * len(BORDERS))), done.stderr[-2000:]


@pytest.mark.parametrize("kind", ["csr", "csc", "bsr", "coo", "lil", "dok", "dia"])
def test_a_good_matrix_stays_as_it_is(kind):
    given = sparse.csr_array((DATA, INDICES, [0, 2, 3, 5, 6, 8, 9]), shape=(6, 3)).asformat(kind)
    found = checked(given)
    np.testing.assert_array_equal(found.toarray(), given.toarray())
    if kind in ("csr", "csc", "bsr", "coo"):
        assert found.format == kind
        assert np.shares_memory(found.data, given.data)


def test_indices_of_a_coordinate_matrix_are_checked():
    matrix = sparse.coo_array((DATA, (INDICES, INDICES)), shape=(3, 3))
    matrix.coords = (INDICES, INDICES + 1)
    with pytest.raises(InputError, match=r"transitions are no sparse matrix \(axis 1 index 3 exceeds"):
        MDP(matrix, np.zeros((3, 1)), RHO0, 0.9)
