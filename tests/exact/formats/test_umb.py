"""UMB: compression, rewards of states and branches, and broken files in one line."""

import gzip
import json
import lzma

import numpy as np
import pytest

from exact.formats.explicit import Given
from exact.mdps.files import load_mdp
from tests.exact.formats.examples import refused, tar, u8, umb_example


def test_rewards_of_states_and_branches_are_added(tmp_path):
    both = umb_example() | {"annotations/rewards/r/states/values.bin": np.array([0, 0, 0, 7.0]).tobytes()}
    both["annotations/rewards/r/branches/values.bin"] = np.array([1.0, 2, 0, 0, 0, 0, 0, 0]).tobytes()
    (tmp_path / "both.umb").write_bytes(gzip.compress(tar(both)))
    rewards = load_mdp(tmp_path / "both.umb", Given(0.9)).rewards
    assert (rewards[3, 0], rewards[0, 0]) == (7, 1.5)


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress, bytes])
def test_umb_may_be_compressed(tmp_path, packed):
    path = tmp_path / "model.umb"
    path.write_bytes(packed(tar(umb_example())))
    assert load_mdp(path, Given(0.9)).actions == ("a", "b")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("index.json", b"{}", "transition-system must be a JSON object"),
        ("state-to-choices.bin", u8(0, 2, 1, 4, 5), "state-to-choices.bin: expected numbers that rise from 0 to 5"),
        (
            "branch-to-target.bin",
            u8(1, 2, 2, 3, 0, 1, 2, 9),
            "branch-to-target.bin: entry 7 is 9, expected less than 4",
        ),
        ("branch-to-probability.bin", b"", "branch-to-probability.bin: expected 64 bytes, found 0"),
        ("actions/choices/strings.bin", b"a", "string-mapping.bin: expected numbers that rise from 0 to 1"),
    ],
)
def test_a_broken_umb_file_names_the_member(tmp_path, name, content, message):
    found = refused(tmp_path / "model.umb", tar(umb_example() | {name: content}), Given(0.9))
    assert message in found


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"#players": 2},
            "expected an MDP (discrete time, 1 player, no observations), found time 'discrete', 2 players",
        ),
        ({"#states": 10**15}, "#states must be a whole number of a size that the file can hold"),
        ({"branch-probability-type": {"type": "double-interval"}}, "expected the type double or rational"),
    ],
)
def test_what_is_no_mdp_is_refused(tmp_path, change, message):
    files = umb_example()
    index = json.loads(files["index.json"])
    index["transition-system"] |= change
    content = tar(files | {"index.json": json.dumps(index).encode()})
    assert message in refused(tmp_path / "model.umb", content, Given(0.9))
