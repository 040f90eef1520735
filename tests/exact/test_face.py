"""The public face `import exact`: what it offers, that its tour runs, and that it loads nothing heavy."""

import doctest
import resource
import subprocess
import sys

import pytest

import exact
from exact.algorithm import solve

HEAVY = ("torch", "gymnasium", "cvxpy", "matplotlib")
LOADED = f"; print(*(name for name in {HEAVY} if name in sys.modules))"


def python(code):
    done = subprocess.run([sys.executable, "-c", "import sys; " + code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_every_name_is_there_and_where_tools_see_it():
    for name in exact.__all__:
        assert getattr(exact, name).__name__ == name
    assert set(exact.__all__) == set(exact._HOME) <= set(dir(exact))
    assert exact.solve is solve
    with pytest.raises(AttributeError, match="module 'exact' has no attribute 'slove'"):
        _ = exact.slove


def test_the_tour_of_the_docstring_runs():
    result = doctest.testmod(exact)
    assert result.attempted >= 6
    assert result.failed == 0


@pytest.mark.parametrize(
    "code",
    [
        "import exact",
        "from exact import MDP, solve, evaluate, load, garnet; solve(load('chain')); garnet(5, 2, 2, 0.9, 0)",
        "from exact import load_mdp, save_mdp, solve_tv, solve_kl_forward, policy_iteration, conservative",
        "import exact.solving, exact.speed",
    ],
)
def test_it_loads_nothing_heavy(code):
    """Regression: a named MDP loaded gymnasium, and a subproblem cvxpy."""
    assert python(code + LOADED) == []


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("from exact import load; load('taxi')", "gymnasium"),
        ("from exact import ConvexSubproblem; ConvexSubproblem()", "cvxpy"),
    ],
)
def test_what_is_asked_for_is_loaded(code, loaded):
    assert loaded in python(code + LOADED)


def test_importing_exact_loads_not_even_numpy():
    assert python("import exact; print('numpy' in sys.modules)") == ["False"]


def test_solve_answers_help_within_a_second_of_processor_time():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-m", "exact.solve", "--help"], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "--controller.beta0" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1
