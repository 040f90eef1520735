"""The search for settings: what it suggests, stops, remembers and writes. Most tests have a training that is played."""

import json
import math

import pytest

from deep import tune
from deep.space import Dimension
from deep.training import parse
from deep.tune import main
from exact.common import cli
from exact.common.errors import InputError

SPACE = ["--space", "radius.initial=0.001..1 log", "sampling.N=256|512"]


@pytest.fixture
def played(monkeypatch):
    """A training that takes no time: the return rises from -300, further the nearer radius.initial is to 0.03."""
    ran = []

    def train(config, out, command, observe, spec):
        ran.append(config)
        final = -abs(math.log10(config.radius.initial / 0.03)) * 100
        for steps in range(100, config.steps + 1, 100):
            if observe({"steps": steps, "return100": (final + 300) * steps / config.steps - 300}) is False:
                return {"status": "stopped"}
        return {"status": "finished", "final100": final}

    monkeypatch.setattr(tune.training, "train", train)
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
    whole = tune.training.train

    def killed(config, *rest):
        played.append(config)
        raise KeyboardInterrupt

    monkeypatch.setattr(tune.training, "train", killed)
    assert search(tmp_path, 1) == cli.INTERRUPTED
    monkeypatch.setattr(tune.training, "train", whole)
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


def test_another_search_in_the_same_folder_is_refused(played, tmp_path, capsys):
    assert search(tmp_path, 1) == cli.DONE
    assert search(tmp_path, 1, "--space", "sampling.N=256|512") == cli.BAD_INPUT
    assert "holds a search with another --space" in capsys.readouterr().err


def test_a_search_trains_agents(tmp_path):
    space = ["--space", "sampling.N=256|512", "critic.epochs=1", "workers=1", "normalize=true|false"]
    assert search(tmp_path, 1, *space) == cli.DONE
    (run,) = tmp_path.glob("trial*")
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
