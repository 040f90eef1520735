"""Formats of other tools: their own examples, round trips without loss, and broken files in one line."""

import gzip
import io
import json
import lzma
import tarfile
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from exact import convert
from exact.algorithm import solve
from exact.common.errors import InputError
from exact.formats.explicit import Given
from exact.mdp import MDP
from exact.mdps.files import SUFFIXES, load_mdp, read_mdp, save_mdp
from exact.mdps.library import load
from exact.optimum import optimum
from exact.rational import from_mdp
from tests.exact.test_available import masked, with_mask

RATIONAL = (".tra", ".drn", ".umb")
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


@pytest.mark.parametrize("kind", RATIONAL)
def test_one_model_by_every_tool_is_one_mdp_and_is_solved(tmp_path, kind):
    name = "r" if kind == ".drn" else None
    mdp = load_mdp(placed(tmp_path, kind), Given(0.9, "uniform", name))
    assert (mdp.actions, mdp.states, mdp.n_states) == (("a", "b"), ("", "", "", "g"), 4)
    assert mdp.available.tolist() == [[True, True], [True, False], [True, False], [True, False]]
    assert mdp.rewards[0].tolist() == [0, 1]
    start = load_mdp(placed(tmp_path, kind), Given(0.9, None, name))
    assert start.initial.tolist() == [1, 0, 0, 0]
    assert solve(mdp).final.eta == pytest.approx(optimum(mdp).values.eta)
    assert pytest.approx([1, 0.81 / 0.91, 0, 0]) == optimum(mdp).values.V


def test_rewards_of_states_are_added(tmp_path):
    mdp = load_mdp(placed(tmp_path, ".drn"), Given(0.9, None, "time"))
    assert mdp.rewards[mdp.available].tolist() == [1] * 5
    placed(tmp_path, ".tra")
    (tmp_path / "model.srew").write_text("4 1\n3 2.5\n")
    assert load_mdp(tmp_path / "model.tra", Given(0.9)).rewards[3, 0] == 2.5
    both = umb_example() | {"annotations/rewards/r/states/values.bin": np.array([0, 0, 0, 7.0]).tobytes()}
    both["annotations/rewards/r/branches/values.bin"] = np.array([1.0, 2, 0, 0, 0, 0, 0, 0]).tobytes()
    (tmp_path / "both.umb").write_bytes(gzip.compress(tar(both)))
    rewards = load_mdp(tmp_path / "both.umb", Given(0.9)).rewards
    assert (rewards[3, 0], rewards[0, 0]) == (7, 1.5)


def test_cassandra_s_text(tmp_path):
    path = tmp_path / "doors.POMDP"
    path.write_text(DOORS)
    mdp = load_mdp(path)
    assert (mdp.states, mdp.actions, mdp.discount) == (("left", "right"), ("stay", "go"), 0.9)
    assert mdp.initial.tolist() == [1, 0]
    assert mdp.transitions.tolist() == [[[1, 0], [0.25, 0.75]], [[0, 1], [1, 0]]]
    assert mdp.rewards.tolist() == [[-1, 0.75 * 2 - 0.25], [-4, -1]]
    path.write_text(DOORS.replace("start: left", "start exclude: left").replace("values: cost", "values: reward"))
    other = load_mdp(path, Given(discount=0.5))
    assert other.initial.tolist() == [0, 1]
    assert (other.rewards == -mdp.rewards).all()
    assert other.discount == 0.5


@pytest.mark.parametrize("packed", [gzip.compress, lzma.compress, bytes])
def test_umb_may_be_compressed(tmp_path, packed):
    path = tmp_path / "model.umb"
    path.write_bytes(packed(tar(umb_example())))
    assert load_mdp(path, Given(0.9)).actions == ("a", "b")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fractions", [False, True], ids=["floats", "fractions"])
@pytest.mark.parametrize(
    "mdp",
    [SHOP, replace(SHOP, states=(), actions=()), replace(SHOP, available=None, actions=("a b", "c", "", "c"))]
    + [load(name) for name in ("frozenlake-4x4", "garnet:S=6,A=3,b=2,gamma=0.99,seed=2", "dadashi-2a")],
    ids=["labels", "mask", "odd", "lake", "garnet", "dadashi"],
)
def test_round_trip(tmp_path, mdp, suffix, fractions):
    if fractions and suffix not in RATIONAL:
        with pytest.raises(InputError, match="fractions"):
            save_mdp(mdp, tmp_path / f"m{suffix}", fractions)
        return
    save_mdp(mdp, tmp_path / f"m{suffix}", fractions)
    same(load_mdp(tmp_path / f"m{suffix}"), mdp)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(both=masked())
def test_round_trip_of_any_mdp(tmp_path, both):
    mdp = with_mask(*both)
    for suffix in SUFFIXES:
        save_mdp(mdp, tmp_path / f"m{suffix}", fractions=suffix in RATIONAL)
        same(load_mdp(tmp_path / f"m{suffix}"), mdp)


def test_a_file_of_state_rewards_that_is_there_would_be_added(tmp_path):
    """Regression: to convert a .tra file with .srew in its place doubled the rewards of the states."""
    path = placed(tmp_path, ".tra")
    (tmp_path / "model.srew").write_text("4 1\n3 2.5\n")
    mdp = load_mdp(path, Given(0.9))
    with pytest.raises(InputError, match=r"model\.tra: model\.srew beside it would be read as rewards"):
        save_mdp(mdp, path)
    same(load_mdp(path, Given(0.9)), mdp)


@pytest.mark.parametrize("suffix", RATIONAL)
def test_fractions_are_the_fractions_that_exact_arithmetic_reads(tmp_path, suffix):
    third = MDP(np.array([[[1 / 3, 2 / 3]], [[1, 0]]]), [[0.1], [1 / 7]], [0.5, 0.5], 0.9, "third")
    save_mdp(third, tmp_path / f"m{suffix}", fractions=True)
    if suffix != ".umb":
        assert " 2/3" in (tmp_path / f"m{suffix}").read_text()
    again = from_mdp(load_mdp(tmp_path / f"m{suffix}"))
    assert [str(p) for p in again.probabilities] == ["1/3", "2/3", "1"]
    assert str(again.rewards[1, 0]) == "1/7"


def test_what_is_lost_is_said(tmp_path):
    path = placed(tmp_path, ".drn")
    long = Fraction(1, 2) + Fraction(1, 10**25)
    path.write_text(DRN.replace("2 : 1/2", f"2 : {long.numerator}/{long.denominator}").replace("action b", "action a"))
    mdp, notes = read_mdp(path, Given(0.9, None, "r"))
    assert notes == [
        "some choices have no label, or two of a state have the same: actions are numbered, not labelled",
        "1 fractions were rounded to float64",
    ]
    assert mdp.actions == ()
    assert save_mdp(SHOP, tmp_path / "s.mdp") == [
        "the labels of the states: in a comment that other tools do not read",
        "unavailable actions: as copies of available ones; a comment holds the mask",
    ]


def test_convert(tmp_path, capsys):
    source, target = placed(tmp_path, ".umb"), tmp_path / "out.drn"
    assert convert.main([str(source), str(target), "--discount", "0.9", "--initial", "uniform"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"wrote {target}: MDP(model: S=4, A=2, discount=0.9, dense, 5 of 8 pairs available)")
    assert out[1] == "note: the discount: in a comment that other tools do not read"
    assert load(f"{target}:gamma=0.5").discount == 0.5
    assert load(str(target)).initial.tolist() == [0.25] * 4
    assert convert.main(["cash-in", str(tmp_path / "c.json"), "--discount", "0.5", "--initial", "1"]) == 0
    assert load_mdp(tmp_path / "c.json").initial.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("model.umb", "o.json"), "model.umb: the file has no discount; give one: FILE:gamma=0.95, or --discount"),
        (("model.umb:gamma=1", "o.json"), "discount must lie in [0, 1), got 1.0"),
        (("model.umb:gamma=x", "o.json"), "expected FILE:gamma=NUMBER,initial=uniform or a state,rewards=NAME"),
        (("model.umb:discount=0.9", "o.json"), "'model.umb:discount=0.9': expected FILE:gamma=NUMBER,"),
        (("cash-in:gamma=0.5", "o.json"), "unknown MDP 'cash-in:gamma=0.5': did you mean cash-in?"),
        (("model.umb:gamma=0.9,initial=7", "o.json"), "initial must be 'uniform', a state in 0..3, or S numbers"),
        (("model.umb:gamma=0.9,rewards=z", "o.json"), "has no rewards 'z', expected one of r"),
        (("model.umb:gamma=0.9", "o.txt"), "o.txt: an MDP file must end in one of .npz, .json, .tra"),
        (("model.umb:gamma=0.9", "no/o.drn"), "cannot write"),
        (("cash-in", "o.drn", "--rewards", "r"), "the MDP has one reward"),
    ],
)
def test_convert_refuses_in_one_line(tmp_path, monkeypatch, capsys, words, message):
    placed(tmp_path, ".umb")
    monkeypatch.chdir(tmp_path)
    assert convert.main(words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


BROKEN = [
    (".tra", "4 5 8", "4 8", "line 1: expected the line 'states choices transitions' of an MDP, found '4 8'"),
    (".tra", "0 0 1 0.5 a", "0 0 9 0.5 a", "line 2: expected the next state in 0..3, found '9'"),
    (".tra", "0 0 1 0.5 a", "0 0 1 x a", "line 2: expected a probability, a finite number, found 'x'"),
    (".tra", "0 0 1 0.5 a", "0 0 1 1/0 a", "line 2: expected a probability, found '1/0'"),
    (".tra", "0 0 1 0.5 a", "0 0 1 0.6 a", "transition probabilities of state 0, action 0 sum to 1.1, expected 1"),
    (".tra", "3 0 3 1 a\n", "", "has 7 transitions, its first line says 8"),
    (".tra", "3 0 3 1 a", "2 1 3 1 a", "state 3 has no choice; give a deadlock a self-loop"),
    (".tra", "4 5 8", "4 6 8", "has 5 choices, its first line says 6"),
    (".tra", "0 0 2 0.5 a", "0 0 2 0.5 b", "the transitions of a choice have different actions"),
    (".drn", "@type: MDP", "@type: POMDP", "expected '@type: MDP', found 'POMDP'"),
    (".drn", "@model", "// model", "line 12: expected a line that begins with @, found 'state 0 [0, 1] init'"),
    (".drn", "state 2", "state 3", "line 23: expected state 2, found 'state 3 [0, 1]'"),
    (".drn", "2 : 1/2", "2 1/2", "line 15: expected 'state', 'action', or 'STATE : PROBABILITY' below an action"),
    (".drn", "[1, 0]", "[1", "line 16: expected rewards such as [1, 0], found 'b [1'"),
    (".drn", "@nr_states\n4", "@nr_states\n5", "has 4 states, @nr_states says 5"),
    (".drn", "@nr_choices\n5", "@nr_choices\n7", "has 5 choices, @nr_choices says '7'"),
    (".drn", "@parameters\n\n", "@parameters\np\n", "has parameters or placeholders, which are not read"),
    (".mdp", "states: left right", "states: left left", "line 4: expected different names of states"),
    (".mdp", "start: left", "observations: 2", "line 6: expected an MDP: observations make a POMDP, which is not read"),
    (".mdp", "T: go\n", "T: jump\n", "line 8: expected one of the actions, a whole number, found 'jump'"),
    (".mdp", "0.25 0.75", "0.25 zwei", "line 9: expected a probability, a finite number, found 'zwei'"),
    (".mdp", "values: cost", "values: gold", "line 3: expected reward or cost, found 'gold'"),
    (".mdp", "R: go : left : right -2", "R: go : left : right : 1 -2", "expected a reward without an observation"),
    (".mdp", "discount: 0.9", "", "the file has no discount"),
    (".mdp", "states: left right", "states: 99999", "declares 99999 states and 2 actions"),
]


@pytest.mark.parametrize(("kind", "old", "new", "message"), BROKEN, ids=lambda x: str(x)[:24])
def test_a_broken_file_is_one_line_that_says_where(tmp_path, kind, old, new, message):
    path = tmp_path / f"model{kind}"
    text = {".tra": TRA, ".drn": DRN, ".mdp": DOORS}[kind]
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(InputError) as error:
        load_mdp(path, Given(0.9 if kind != ".mdp" else None, None, "r" if kind == ".drn" else None))
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("suffix", "old", "new", "message"),
    [
        (".lab", "3: 2", "3: 5", "model.lab, line 3: expected a label of the first line, found '5'"),
        (".lab", '0="init"', "init", "model.lab, line 2: expected a label of the first line, found '0'"),
        (".trew", "4 5 2", "4 6 2", "model.trew, line 3: expected 4 states and 5 choices as in the .tra file"),
        (".trew", "0 1 3 1", "0 1 1 1", "model.trew has a reward for a transition that the .tra file does not have"),
        (".trew", "0 1 3 1\n", "", "model.trew, line 4: expected 2 rewards, found '1'"),
    ],
)
def test_a_broken_file_beside_a_tra_file_is_named(tmp_path, suffix, old, new, message):
    path = placed(tmp_path, ".tra")
    beside = path.with_suffix(suffix)
    beside.write_text(beside.read_text().replace(old, new))
    with pytest.raises(InputError, match=r"model\.tra: ") as error:
        load_mdp(path, Given(0.9))
    assert message in str(error.value)


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
    path = tmp_path / "model.umb"
    path.write_bytes(tar(umb_example() | {name: content}))
    with pytest.raises(InputError, match=r"model\.umb: ") as error:
        load_mdp(path, Given(0.9))
    assert message in str(error.value)


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
    path = tmp_path / "model.umb"
    path.write_bytes(tar(files | {"index.json": json.dumps(index).encode()}))
    with pytest.raises(InputError) as error:
        load_mdp(path, Given(0.9))
    assert message in str(error.value)
