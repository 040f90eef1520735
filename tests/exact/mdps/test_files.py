"""Files of MDPs: round trips without loss, hostile and damaged files."""

import json
import os
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps import files
from exact.mdps.files import FORMAT, load_mdp, save_mdp
from exact.mdps.library import load
from tests.exact.strategies import mdps

FOREST = load("forest")


def as_sparse(mdp):
    return MDP(sparse.csr_array(mdp.kernel), mdp.rewards, mdp.initial, mdp.discount, mdp.name)


def same(one, two):
    """Equal to the last bit, in the same representation."""
    assert (one.name, one.discount) == (two.name, two.discount)
    assert one.rewards.tobytes() == two.rewards.tobytes()
    assert one.initial.tobytes() == two.initial.tobytes()
    assert sparse.issparse(one.transitions) == sparse.issparse(two.transitions)
    if not sparse.issparse(one.transitions):
        assert one.transitions.tobytes() == two.transitions.tobytes()
        return
    for part in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(one.transitions, part), getattr(two.transitions, part))


@pytest.fixture(scope="module", params=[".npz", ".json"])
def path(request, tmp_path_factory):
    return tmp_path_factory.mktemp("mdp") / f"mdp{request.param}"


@settings(deadline=None)
@given(mdp=mdps())
def test_round_trip(path, mdp):
    save_mdp(mdp, path)
    same(load_mdp(path), mdp)


def test_round_trip_of_awkward_numbers(path):
    """-0, subnormal, huge and not exactly decimal numbers come back bit by bit."""
    rewards = np.array([[-0.0, 5e-324], [1.7976931348623157e308, 0.1 + 0.2]])
    third = 1 / 3
    P = np.array([[[third, 1 - third]] * 2] * 2)
    mdp = MDP(P, rewards, np.array([third, 1 - third]), np.nextafter(1, 0), "übergang → 2")
    save_mdp(mdp, path)
    same(load_mdp(path), mdp)


@pytest.mark.parametrize("name", ["taxi", "queue", "garnet:S=1500,A=2,b=3,gamma=0.9,seed=1"])
def test_round_trip_of_library(path, name):
    save_mdp(load(name), path)
    same(load_mdp(path), load(name))


def test_name_defaults_to_the_stem(tmp_path):
    target = tmp_path / "stem.json"
    save_mdp(FOREST, target)
    fields = json.loads(target.read_text())
    del fields["name"]
    target.write_text(json.dumps(fields))
    assert load_mdp(target).name == "stem"


def fields_of(mdp):
    parts = {"format": FORMAT, "discount": mdp.discount, "initial": mdp.initial, "rewards": mdp.rewards}
    if sparse.issparse(mdp.transitions):
        return parts | {part: getattr(mdp.transitions, part) for part in ("data", "indices", "indptr")}
    return parts | {"transitions": mdp.transitions}


DENSE, SPARSE = fields_of(FOREST), fields_of(as_sparse(FOREST))
NAN_REWARDS = np.array([[0, np.nan], [0, 1], [4, 2]])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (DENSE | {"format": "stro-mdp-2"}, "field 'format' must be 'stro-mdp-1'"),
        ({}, "field 'format' must be"),
        ({k: v for k, v in DENSE.items() if k != "rewards"}, "field 'rewards' is missing"),
        ({k: v for k, v in DENSE.items() if k != "transitions"}, r"field 'data' \(or 'transitions'\) is missing"),
        (DENSE | {"reward": 1}, "field 'reward' is not known, expected discount, format, initial"),
        (SPARSE | {"transitions": FOREST.transitions}, "field 'data' is not known"),
        (DENSE | {"rewards": NAN_REWARDS}, r"rewards must be finite, found nan at index \(0, 1\)"),
        (DENSE | {"rewards": np.array([["a", "b"]] * 3)}, "field 'rewards' must hold numbers, found the type str"),
        (DENSE | {"rewards": FOREST.rewards > 0}, "field 'rewards' must hold numbers, found the type bool"),
        (DENSE | {"rewards": FOREST.rewards[:2]}, "transitions have shape"),
        (DENSE | {"rewards": FOREST.rewards + 0j}, "field 'rewards' must hold numbers, found the type complex128"),
        (DENSE | {"discount": np.array([0.9])}, r"field 'discount' must have 0 dimensions, found the shape \(1,\)"),
        (DENSE | {"discount": 1.5}, r"discount must lie in \[0, 1\), got 1.5"),
        (DENSE | {"discount": "high"}, "field 'discount' must hold numbers"),
        (DENSE | {"initial": 0.5}, "field 'initial' must have 1 dimensions"),
        (DENSE | {"transitions": 2 * FOREST.transitions}, "state 0, action 0 sum to 2"),
        (DENSE | {"name": 3}, "field 'name' must hold text"),
        (DENSE | {"name": "two\nlines"}, "field 'name' must be one line"),
        (DENSE | {"name": "x" * 101}, "field 'name' must be one line"),
        (SPARSE | {"indices": SPARSE["indices"] + 1}, "fields 'data', 'indices', 'indptr' are no 6 x 3 sparse matrix"),
        (SPARSE | {"indices": SPARSE["indices"] - 1}, "are no 6 x 3 sparse matrix"),
        (SPARSE | {"indices": SPARSE["indices"].astype(np.int64) * 2**40}, "are no 6 x 3 sparse matrix"),
        (SPARSE | {"indices": SPARSE["indices"] * 1.0}, "field 'indices' must hold whole numbers"),
        (SPARSE | {"indptr": SPARSE["indptr"][:-1]}, "are no 6 x 3 sparse matrix"),
        (SPARSE | {"indptr": SPARSE["indptr"][::-1]}, "are no 6 x 3 sparse matrix"),
        (SPARSE | {"data": SPARSE["data"][:-1]}, "are no 6 x 3 sparse matrix"),
        (SPARSE | {"data": -SPARSE["data"]}, "negative transition probability in state 0, action 0"),
        (DENSE | {"rewards": np.zeros((0, 10**9))}, "at least one state and one action"),
    ],
)
def test_bad_fields_are_named(tmp_path, fields, message):
    """The same message for both formats, always beginning with the file."""
    np.savez(tmp_path / "bad.npz", **fields)
    targets = [tmp_path / "bad.npz"]
    if not np.iscomplexobj(fields.get("rewards")) and np.size(fields.get("rewards", 1)):
        targets.append(tmp_path / "bad.json")
        plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in fields.items()}
        targets[-1].write_text(json.dumps(plain))
    for target in targets:
        if target.suffix == ".json" and "found nan" in message:
            message = "contains NaN, expected finite numbers"
        with pytest.raises(InputError, match=message) as caught:
            load_mdp(target)
        assert str(caught.value).startswith(f"{target}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "cannot be read"),
        ('{"available": [[1, 0]]}', "field 'available' must hold true and false, found the type int"),
        ('{"name": ["a"]}', "field 'name' must hold text, found the type list"),
        ("[1, 2]", "must hold one JSON object"),
        ("null", "must hold one JSON object"),
        ('{"format": ' + "[" * 100_000, "not a file of the format 'stro-mdp-1'"),
        ('{"rewards": [[1, 2], [3]]}', "field 'rewards' is not a rectangular table"),
        ('{"format": "stro-mdp-1", "discount": Infinity}', "contains Infinity"),
        ('{"format": "stro-mdp-1", "discount": 1' + "0" * 5000 + "}", "cannot be read"),
        (b"\xff\xfe\x00", "cannot be read"),
    ],
)
def test_bad_json(tmp_path, content, message):
    target = tmp_path / "bad.json"
    target.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as caught:
        load_mdp(target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", ["1" + "0" * 400, "{}", "null", "[[[[1]]]]", '"text"', "1e999", "true"])
@pytest.mark.parametrize("field", sorted(DENSE))
def test_odd_json_values(tmp_path, field, value):
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in DENSE.items()}
    target = tmp_path / "odd.json"
    target.write_text(json.dumps(plain | {field: "@"}).replace('"@"', value))
    with pytest.raises(InputError):
        load_mdp(target)


def npy(header):
    """Bytes of a .npy member with a header of our choice and eight bytes of data."""
    text = header.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode() + bytes(8)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4)}"), "declares 32000000000128 bytes"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -1)}"), "field 'rewards'"),
        (npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"), "pickled objects, which are not read"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': ("), "field 'rewards' cannot be read"),
        (npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1L,)}"), "its header is damaged"),
        (npy("__import__('os').getcwd()"), "field 'rewards' cannot be read"),
        (npy("{'descr': '<U2', 'fortran_order': False, 'shape': ()}")[:-8] + b"\xff" * 8, "that are no characters"),
        (b"", "field 'rewards' cannot be read"),
        (b"not an array", "field 'rewards' cannot be read"),
    ],
)
def test_hostile_npz_members(tmp_path, member, message):
    target = tmp_path / "hostile.npz"
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("rewards.npy", member)
    with pytest.raises(InputError, match=message) as caught:
        load_mdp(target)
    assert "\n" not in str(caught.value)


def test_large_files_are_refused_unread(tmp_path, monkeypatch):
    """A small compressed file that unpacks to more than the limit, and a large JSON file."""
    monkeypatch.setattr(files, "NPZ_MAX_BYTES", 1 << 20)
    monkeypatch.setattr(files, "JSON_MAX_BYTES", 1 << 10)
    np.savez_compressed(tmp_path / "bomb.npz", transitions=np.zeros(1 << 18))
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    with pytest.raises(InputError, match="unpacks to more than"):
        load_mdp(tmp_path / "bomb.npz")
    (tmp_path / "long.json").write_text("[" + "1," * 1000 + "1]")
    with pytest.raises(InputError, match=r"use \.npz for a large MDP"):
        load_mdp(tmp_path / "long.json")


def test_compressed_npz_is_read(tmp_path):
    np.savez_compressed(tmp_path / "forest.npz", **DENSE)
    same(load_mdp(tmp_path / "forest.npz"), FOREST)


def written(mdp, suffix, folder):
    save_mdp(mdp, folder / f"whole{suffix}")
    return (folder / f"whole{suffix}").read_bytes()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_files_never_crash(path, data):
    """A file that was cut off or changed in a few bytes either still is a valid MDP or gives one clear line."""
    content = bytearray(written(data.draw(st.sampled_from([FOREST, as_sparse(FOREST)])), path.suffix, path.parent))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[position] = data.draw(st.integers(0, 255))
    target = path.parent / f"damaged{path.suffix}"
    target.write_bytes(content[: data.draw(st.sampled_from([len(content), len(content) // 2, len(content) - 1, 7]))])
    try:
        load_mdp(target)
    except InputError as error:
        message = str(error)
    else:
        return
    assert message.startswith(f"{target}: ")
    assert "\n" not in message


@pytest.mark.parametrize("name", ["none.npz", "none.json", "folder.npz", "folder.json"])
def test_unreadable_paths(tmp_path, name):
    (tmp_path / "folder.npz").mkdir()
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match=r"cannot be read: (No such file|Is a directory)"):
        load_mdp(tmp_path / name)


@pytest.mark.parametrize("action", [load_mdp, lambda path: save_mdp(FOREST, path)])
def test_other_suffixes(action):
    with pytest.raises(InputError, match=r"mdp.txt: an MDP file must end in one of .npz, .json"):
        action("mdp.txt")


def test_names_that_cannot_be_read_back_are_not_written(tmp_path):
    with pytest.raises(InputError, match="field 'name' must be one line"):
        save_mdp(MDP(FOREST.transitions, FOREST.rewards, FOREST.initial, 0.9, "a\nb"), tmp_path / "x.json")
    assert os.listdir(tmp_path) == []
