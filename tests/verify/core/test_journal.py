"""The same report from every executor, and a verification that goes on where it was interrupted."""

import json
import time

import pytest

from exact.common import cli
from exact.common.errors import FaultError, InputError
from exact.common.parallel import Lazy
from tests.exact.common.cluster import dask_cluster, scheduler, square
from verify import journal
from verify.core.checking import check_all
from verify.core.command import CommonOptions
from verify.core.journal import Journal, read
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


def test_the_same_command_continues_and_computes_nothing_twice(tmp_path, capsys):
    options = CommonOptions(journal=tmp_path)
    whole = check_all(check, ITEMS, CommonOptions(), "items")
    with pytest.raises(KeyboardInterrupt):
        check_all(interrupted, ITEMS, options, "items")
    done = sum(stop - start for start, stop in json.loads((tmp_path / "items.json").read_text())["done"])
    assert 0 < done < 40
    capsys.readouterr()
    assert journal.main([str(tmp_path), "--json", str(tmp_path / "so-far")]) == cli.DONE
    assert f"{done} of 40 items" in capsys.readouterr().out
    (row,) = json.loads((tmp_path / "so-far").read_text())
    assert (row["statement"], row["checks"]) == ("Lemma 1", done)
    asked.clear()
    assert check_all(check, ITEMS, options, "items") == whole
    assert len(asked) == 40 - done
    with pytest.raises(InputError, match=r"was made with .*'seed': 0.*, not .*'seed': 1.*: name another --journal"):
        check_all(check, ITEMS, CommonOptions(journal=tmp_path, seed=1), "items")
    (tmp_path / "items.json").write_text("[]")
    with pytest.raises(InputError, match="is damaged"):
        check_all(check, ITEMS, options, "items")


def slow(item):
    time.sleep(0.1)
    return check(item)


def test_after_the_scheduler_died_the_same_command_continues(tmp_path, monkeypatch):
    """kill -9 of the scheduler in the middle; then another one, and the report is as if nothing had been."""
    items = Lazy(square, range(15))
    with scheduler() as (process, address), monkeypatch.context() as patched:
        add = Journal.add
        patched.setattr(Journal, "add", lambda *found: (add(*found), process.kill()))
        with pytest.raises(FaultError, match="the scheduler is gone"):
            check_all(slow, items, CommonOptions(journal=tmp_path, executor=address), "items")
    assert 0 < sum(len(part) for part in read(tmp_path / "items.json")[1]) < 15
    with scheduler() as (_, address):
        found = check_all(slow, items, CommonOptions(journal=tmp_path, executor=address), "items")
    assert found == check_all(check, items, CommonOptions(), "items")
