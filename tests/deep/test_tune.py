"""The search for settings: what it suggests, stops, remembers and writes. Most tests have a training that is played."""

import json
import math
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from deep import trial, tune
from deep.options import parse
from deep.run import tether
from deep.run.cell import TRAINER
from deep.space import Dimension
from deep.tune import Options, main
from exact.common import cli
from exact.common.errors import FaultError, InputError
from tests import HANG_SECONDS
from tests.exact.common.cluster import dask_cluster

SPACE = ["--space", "radius.initial=0.001..1 log", "sampling.N=256|512"]


@pytest.fixture
def played(monkeypatch):
    """A training that takes no time: the return rises from -300, further the nearer radius.initial is to 0.03."""
    ran, one_at_a_time = [], threading.Lock()

    def start(command, log, go_on):
        with one_at_a_time:  # Python's parser of source, which reads the help out of it, is not for two threads
            options, _ = parse(command[len(TRAINER) :])
        config, out = options.config, options.folder
        ran.append(config)
        out.mkdir()
        final = -abs(math.log10(config.radius.initial / 0.03)) * 100
        with (out / "metrics.jsonl").open("w", buffering=1) as file:
            for steps in range(300, config.steps + 1, 300):
                value = (final + 300) * steps / config.steps - 300
                file.write(json.dumps({"steps": steps, "return100": value}) + "\n")
                if not go_on():
                    return 143
        (out / "result.json").write_text(json.dumps({"status": "finished", "final100": final}))
        return 0

    monkeypatch.setattr(trial, "start", start)
    return ran


def search(folder, trials, *words):
    arguments = ["--env", "CartPole-v1", "--trials", str(trials), "--steps", "3000", "--out", str(folder)]
    return main([*arguments, *(words or SPACE)])


def test_the_best_settings_come_out_as_flags(played, tmp_path, capsys):
    assert search(tmp_path, 12) == cli.DONE
    best = json.loads((tmp_path / "best.json").read_text())
    values = [-abs(math.log10(config.radius.initial / 0.03)) * 100 for config in played]
    assert best["value"] == max(values)
    options, _ = parse(best["command"].split()[3:])
    winner = played[values.index(max(values))]
    assert options.config == winner
    assert best["command"] in capsys.readouterr().out
    assert (tmp_path / "tune.png").stat().st_size > 1000


def test_the_same_seed_suggests_the_same_also_after_an_interruption(played, tmp_path):
    assert search(tmp_path / "whole", 12) == cli.DONE
    whole = played.copy()
    played.clear()
    for trials in (4, 12):
        assert search(tmp_path / "parts", trials) == cli.DONE
    assert played == whole


def test_the_same_command_continues_and_suggests_something_new(played, tmp_path):
    assert search(tmp_path, 3) == cli.DONE
    assert search(tmp_path, 6) == cli.DONE
    assert len(played) == 6
    assert len({config.radius.initial for config in played}) == 6
    assert search(tmp_path, 6) == cli.DONE
    assert len(played) == 6


def test_a_trial_that_was_interrupted_is_made_again(played, tmp_path, monkeypatch):
    whole = trial.start

    def killed(command, log, go_on):
        played.append(parse(command[len(TRAINER) :])[0].config)
        raise KeyboardInterrupt

    monkeypatch.setattr(trial, "start", killed)
    assert search(tmp_path, 1) == cli.INTERRUPTED
    monkeypatch.setattr(trial, "start", whole)
    assert search(tmp_path, 1) == cli.DONE
    assert played[0] == played[1]


def test_trials_below_the_median_are_stopped(played, tmp_path, capsys):
    assert search(tmp_path, 14) == cli.DONE
    out = capsys.readouterr().out
    assert out.count("stopped early") >= 2
    assert out.count("[") == 14


def test_a_choice_that_no_run_can_have_is_refused_before_the_first_trial(played, tmp_path, capsys):
    assert search(tmp_path, 5, "--space", "sampling.N=256|4096") == cli.BAD_INPUT
    assert "steps must be more than the first batch has" in capsys.readouterr().err
    assert played == []


def test_the_seeds_of_a_trial_are_averaged(played, tmp_path):
    assert search(tmp_path, 1, *SPACE, "--seeds", "3", "--seed", "5") == cli.DONE
    assert [config.seed for config in played] == [5, 6, 7]
    assert len({config.radius.initial for config in played}) == 1


def test_a_file_that_is_no_study_is_refused(tmp_path, capsys):
    """Regression: SQLite's error was a fault of the program."""
    (tmp_path / "study.db").write_text("no study")
    assert search(tmp_path, 1) == cli.BAD_INPUT
    assert f"{tmp_path / 'study.db'} is no study: file is not a database" in capsys.readouterr().err


def test_another_search_in_the_same_folder_is_refused(played, tmp_path, capsys):
    assert search(tmp_path, 1) == cli.DONE
    assert search(tmp_path, 1, "--space", "sampling.N=256|512") == cli.BAD_INPUT
    assert "holds a search with another --space" in capsys.readouterr().err


def test_a_search_trains_agents(tmp_path):
    space = ["--space", "sampling.N=256|512", "critic.epochs=1", "workers=1", "normalize=true|false"]
    assert search(tmp_path, 1, *space) == cli.DONE
    (run,) = (path for path in tmp_path.glob("trial*") if path.is_dir())
    assert (run / "result.json").exists()
    assert parse(json.loads((tmp_path / "best.json").read_text())["command"].split()[3:])


def test_words_of_the_space():
    assert Dimension.parse("a.b=1|true|2.5") == Dimension("a.b", (1, True, 2.5))
    assert Dimension.parse("a=0.1..2 log") == Dimension("a", (), 0.1, 2.0, True)
    for word in ("a", "a=", "a=2..1", "a=0..1 log", "a=1..2 lin", "a=x|y"):
        with pytest.raises(InputError, match=r"expected NAME=a\|b\|c"):
            Dimension.parse(word)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--space", "sampling.M=1|2"], "there is no setting 'sampling.M'; did you mean sampling.N?"),
        (["--space", "sampling.N=many"], "--space 'sampling.N=many': expected NAME="),
        (["--trials", "0"], "--trials must be at least 1"),
        (["--env", "CartPoel-v1"], "did you mean CartPole-v1"),
    ],
)
def test_bad_input_is_one_line_and_status_2(words, message, tmp_path, capfd):
    assert search(tmp_path, 1, *words) == cli.BAD_INPUT
    err = capfd.readouterr().err
    assert message in err
    assert err.count("\n") == 1


TRAINER_SCRIPT = '''
"""Accepts deep.train's flags; its return depends on radius.initial. The first run can be made to wait."""
import json, os, sys, time
from pathlib import Path

flags = sys.argv[1:]
value = dict(zip(flags, flags[1:]))
out = Path(value.get("--resume") or value["--out"])
if "--resume" in value:
    (out / "resumed").touch()
    radius = float((out / "config.json").read_text())
else:
    out.mkdir()
    radius = float(value["--radius.initial"])
    (out / "config.json").write_text(str(radius))
    if "trial0000" in str(out) and (out.parent / "kill").exists():
        (out / "pid").write_text(str(os.getpid()))
        time.sleep(600)
lines = [{"steps": steps, "return100": -radius} for steps in range(300, 3001, 300)]
(out / "metrics.jsonl").write_text("".join(json.dumps(line) + "\\n" for line in lines))
(out / "result.json").write_text(json.dumps({"status": "finished", "final100": -radius}))
'''


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Command of a trainer in a process of its own."""
    monkeypatch.setattr(tether, "LOOK_SECONDS", 0.02)
    path = tmp_path / "trainer.py"
    path.write_text(TRAINER_SCRIPT)
    return (sys.executable, str(path))


def options(folder, **further):
    return Options(**{"env": "CartPole-v1", "trials": 6, "steps": 3000, "space": SPACE[1:], "out": folder} | further)


def test_the_same_is_found_by_any_number_of_workers_also_when_one_is_killed(tmp_path, script):
    """On this machine one after the other, and on a Dask cluster, where a worker dies in the middle of a trial."""
    assert tune.work(options(tmp_path / "local", batch=3), script) == cli.DONE
    folder = tmp_path / "dask"
    folder.mkdir()
    (folder / "kill").touch()

    def kill():
        deadline = time.monotonic() + HANG_SECONDS
        while not (pid := folder / "trial0000-seed0" / "pid").exists() or not pid.read_text():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        psutil.Process(int(pid.read_text())).parent().parent().kill()

    with dask_cluster(2) as address, ThreadPoolExecutor(1) as side:
        killed = side.submit(kill)
        assert tune.work(options(folder, batch=3, executor=address), script) == cli.DONE
        killed.result()
    assert (folder / "trial0000-seed0" / "resumed").exists()
    assert (tmp_path / "local" / "best.json").read_bytes() == (folder / "best.json").read_bytes()


def test_trials_of_a_batch_are_suggested_from_those_before_it(played, tmp_path):
    def found(name, **further):
        assert tune.work(options(tmp_path / name, trials=12, **further)) == cli.DONE
        return sorted(config.radius.initial for config in played[-12:])

    alone = found("alone", batch=4)
    assert found("together", batch=4, jobs=4) == alone
    assert found("single") != alone


def test_a_run_that_fails_is_one_line_that_names_it(tmp_path, script):
    with pytest.raises(FaultError, match=r"^trial 0, CartPole-v1 seed 0: KeyError: '--radius.initial' \(see "):
        tune.work(options(tmp_path / "failing", space=("sampling.N=256|512",)), script)


def test_a_mixture_of_sources_is_refused(played, tmp_path, monkeypatch):
    assert tune.work(options(tmp_path)) == cli.DONE
    monkeypatch.setattr(tune, "source_version", lambda packages: "another")
    assert tune.work(options(tmp_path)) == cli.DONE  # all is there
    with pytest.raises(InputError, match=r"holds a search made with the source .*, this is another"):
        tune.work(options(tmp_path, trials=7))


def test_more_jobs_than_trials_of_a_batch_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"--jobs 4: only the trials of a batch run at a time, got --batch 1"):
        options(tmp_path, jobs=4)
