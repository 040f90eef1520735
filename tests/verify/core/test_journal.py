"""The same report from every executor, and a verification that goes on where it was interrupted."""

import json

import pytest

from exact.common.errors import InputError
from exact.common.parallel import Lazy
from tests.exact.common.cluster import dask_cluster, square
from verify.core.checking import check_all
from verify.core.command import CommonOptions
from verify.core.report import as_json, tally
from verify.core.statement import Statement, judge

STATEMENT = Statement("Lemma 1", "printed", "a >= b")
ITEMS = Lazy(square, range(40))
asked = []


def check(item):
    asked.append(item)
    return [judge(STATEMENT, 1 + item % 7, item % 3, f"item {item}")]


def interrupted(item):
    if item == 25 * 25:
        raise KeyboardInterrupt
    return check(item)


def test_the_report_has_the_same_bytes_from_local_and_dask():
    with dask_cluster(2) as address:
        reports = {
            as_json(tally([STATEMENT], check_all(check, ITEMS, CommonOptions(jobs=jobs, executor=executor), "items")))
            for executor, jobs in (("local", 1), ("local", 2), (address, 1))
        }
    assert len(reports) == 1


def test_the_same_command_continues_and_computes_nothing_twice(tmp_path):
    options = CommonOptions(journal=tmp_path)
    whole = check_all(check, ITEMS, CommonOptions(), "items")
    with pytest.raises(KeyboardInterrupt):
        check_all(interrupted, ITEMS, options, "items")
    done = sum(stop - start for start, stop in json.loads((tmp_path / "items.json").read_text())["done"])
    assert 0 < done < 40
    asked.clear()
    assert check_all(check, ITEMS, options, "items") == whole
    assert len(asked) == 40 - done
    with pytest.raises(InputError, match=r"was made with .*'seed': 0.*, not .*'seed': 1.*: name another --journal"):
        check_all(check, ITEMS, CommonOptions(journal=tmp_path, seed=1), "items")
    (tmp_path / "items.json").write_text("[]")
    with pytest.raises(InputError, match="is damaged"):
        check_all(check, ITEMS, options, "items")
