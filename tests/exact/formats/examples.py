"""Good files of other tools, an MDP with everything that a file can hold, and what several tests do with them."""

import io
import json
import tarfile

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.files import load_mdp
from exact.mdps.library import load

INVENTORY = load("inventory")
MASK = np.add.outer(np.arange(4), np.arange(4)) <= 3
SHOP = MDP(
    INVENTORY.transitions,
    INVENTORY.rewards,
    np.array([0.1, 0.2, 0.3, 0.4]),
    0.9,
    "shop",
    MASK,
    ("empty", "one item", "two", "full two"),
    ("wait", "buy1", "buy2", "buy3"),
)

TRA = "4 5 8\n0 0 1 0.5 a\n0 0 2 0.5 a\n0 1 2 0.2 b\n0 1 3 0.8 b\n1 0 0 0.9 a\n1 0 1 0.1 a\n2 0 2 1 a\n3 0 3 1 a\n"
LAB = '0="init" 1="deadlock" 2="g"\n0: 0\n3: 2\n'
TREW = '# Reward structure "r"\n# Transition rewards\n4 5 2\n0 1 2 1\n0 1 3 1\n'
DRN = """// Exported by storm
@type: MDP
@parameters

@reward_models
r time
@nr_states
4
@nr_choices
5
@model
state 0 [0, 1] init
\taction a [0, 0]
\t\t1 : 0.5
\t\t2 : 1/2
\taction b [1, 0]
\t\t2 : 0.2
\t\t3 : 0.8
state 1 [0, 1]
\taction a [0, 0]
\t\t0 : 0.9
\t\t1 : 0.1
state 2 [0, 1]
\taction a [0, 0]
\t\t2 : 1
state 3 [0, 1] "g"
\taction a [0, 0]
\t\t3 : 1
"""
DOORS = """# two doors
discount: 0.9
values: cost
states: left right
actions: stay go
start: left
T: stay identity
T: go
0.25 0.75
0.5 0.5
R: * : * : * 1
R: go : left : right -2
R: stay : right 3 4
T: go : right : left 1
T:go:right:right 0
"""


def bits(*values):
    return sum(value << i for i, value in enumerate(values)).to_bytes(8, "little")


def u8(*values):
    return np.array(values, dtype="<u8").tobytes()


def umb_example():
    """The example of UMB's specification, as its README prints it; strings as PRISM writes them."""
    double = {"type": "double", "size": 64}
    system = {"time": "discrete", "#players": 1, "#states": 4, "#initial-states": 1, "#choices": 5}
    system |= {"#choice-actions": 3, "#branches": 8, "#branch-actions": 0, "#observations": 0}
    annotations = {
        "aps": {"g": {"alias": "g", "applies-to": ["states"], "type": {"type": "bool", "size": 1}}},
        "rewards": {"r": {"alias": "r", "applies-to": ["choices"], "type": double}},
    }
    index = {"format-version": 1, "format-revision": 0, "annotations": annotations}
    index["transition-system"] = system | {"branch-probability-type": double}
    return {
        "index.json": json.dumps(index).encode(),
        "state-to-choices.bin": u8(0, 2, 3, 4, 5),
        "choice-to-branches.bin": u8(0, 2, 4, 6, 7, 8),
        "branch-to-probability.bin": np.array([0.5, 0.5, 0.2, 0.8, 0.9, 0.1, 1, 1]).tobytes(),
        "branch-to-target.bin": u8(1, 2, 2, 3, 0, 1, 2, 3),
        "state-is-initial.bin": bits(1, 0, 0, 0),
        "actions/choices/string-mapping.bin": u8(0, 0, 1, 2),
        "actions/choices/strings.bin": b"ab",
        "actions/choices/values.bin": np.array([1, 2, 1, 1, 1], dtype="<u4").tobytes(),
        "annotations/aps/g/states/values.bin": bits(0, 0, 0, 1),
        "annotations/rewards/r/choices/values.bin": np.array([0.0, 1, 0, 0, 0]).tobytes(),
    }


def tar(files):
    """A tar file of these members: their contents by name."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def placed(folder, kind):
    """The file of another tool's example, with the files beside it."""
    if kind == ".tra":
        for suffix, text in ((".tra", TRA), (".lab", LAB), (".trew", TREW)):
            (folder / f"model{suffix}").write_text(text)
    elif kind == ".drn":
        (folder / "model.drn").write_text(DRN)
    else:
        (folder / "model.umb").write_bytes(tar(umb_example()))
    return folder / f"model{kind}"


def same(one, two):
    """Equal to the last bit, but for the representation."""
    assert (one.name, one.discount, one.states, one.actions) == (two.name, two.discount, two.states, two.actions)
    assert (one.available is None) == (two.available is None)
    assert one.available is None or (one.available == two.available).all()
    for a, b in ((one.rewards, two.rewards), (one.initial, two.initial), (dense(one), dense(two))):
        assert a.tobytes() == b.tobytes()


def dense(mdp):
    return mdp.kernel if isinstance(mdp.kernel, np.ndarray) else mdp.kernel.toarray()


def refused(path, content, given):
    """The one line, behind the path, that a broken file costs."""
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError) as error:
        load_mdp(path, given)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def changed(text, old, new):
    """The text with the first `old` replaced."""
    assert old in text
    return text.replace(old, new, 1)
