"""The named MDPs against what their sources print, and `load`."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from exact.common.errors import InputError
from exact.evaluation import evaluate
from exact.mdps.files import save_mdp
from exact.mdps.garnet import GARNET_FORM, garnet
from exact.mdps.library import NAMED, load
from exact.optimum import optimum as exact_optimum
from exact.small_fractions import DENOMINATOR_LIMIT


def first_action(mdp):
    return np.tile(np.eye(mdp.n_actions)[0], (mdp.n_states, 1))


def optimum(mdp):
    """The optimal values, certified."""
    found = exact_optimum(mdp)
    assert found.gap <= 1e-3
    return found.values


def rational(x):
    return Fraction(float(x)).limit_denominator(DENOMINATOR_LIMIT)


@pytest.mark.parametrize("name", NAMED)
def test_named_mdps_are_rational(name):
    """Every number is the float64 nearest to a small fraction, and the fractions' rows sum to exactly one."""
    mdp = load(name)
    assert mdp.name == name
    assert (mdp.initial.min() > 0) == (name != "unvisited")
    for row in np.vstack([mdp.kernel, mdp.initial]):
        fractions = [rational(x) for x in row[row > 0]]
        assert sum(fractions) == 1
        assert [float(x) for x in fractions] == row[row > 0].tolist()
    rewards = np.unique(mdp.rewards)
    assert [float(rational(r)) for r in rewards] == rewards.tolist()


def test_cash_in():
    """The numbers of the docstring: visitation, A*, and r(delta) for the maximiser that moves delta / 5 of state 0."""
    mdp = load("cash-in")
    values = evaluate(mdp, first_action(mdp))
    np.testing.assert_allclose(values.rho, [5, 5])
    assert values.policy_advantage == pytest.approx(5)
    assert np.abs(values.A).max() == pytest.approx(1)
    for delta in (1e-4, 0.01, 0.1, 5):
        moved = delta / 5
        trial = evaluate(mdp, np.array([[1 - moved, moved], [1, 0]]))
        assert (trial.eta - values.eta) / delta == pytest.approx(1 / (1 + 1.8 * delta), rel=1e-9)


def test_unvisited():
    """A* = 0 at a policy that is not optimal."""
    mdp = load("unvisited")
    values = evaluate(mdp, first_action(mdp))
    assert values.policy_advantage == 0
    assert values.eta == 0
    best = evaluate(mdp, np.array([[0, 1], [0, 1]]))
    assert best.eta == pytest.approx(9)


def test_puterman_two_state():
    np.testing.assert_allclose(optimum(load("puterman-two-state")).V, [-60 / 7, -20])


def test_dadashi_tables():
    """Entries of appendix A, read off the paper's order r[s*A + a], P[s*A + a]."""
    mdp = load("dadashi-2c")
    assert mdp.rewards[0].tolist() == [-0.93, -0.49, 0.63]
    assert mdp.transitions[0, 2].tolist() == [0.99, 0.01]
    assert mdp.transitions[1, 0].tolist() == [0.85, 0.15]
    assert load("dadashi-2d").transitions[1].tolist() == [[0.2, 0.8], [0.99, 0.01]]
    assert load("dadashi-3").discount == 0.8


def test_forest():
    """V printed in the MDP Toolbox's documentation (PolicyIteration, discount 0.9)."""
    np.testing.assert_allclose(optimum(load("forest")).V, [26.244, 29.484, 33.484])


def test_chain():
    """Strens: going on earns 3677 in 1000 steps in the long run."""
    mdp = load("chain")
    values = evaluate(mdp, first_action(mdp))
    assert optimum(mdp).eta == pytest.approx(values.eta)
    patient = replace(mdp, discount=1 - 1e-7)
    assert 1e-7 * evaluate(patient, first_action(mdp)).eta == pytest.approx(3.677, abs=5e-4)


def test_gridworld_5x5():
    """Figures 3.2 and 3.5 of Sutton and Barto, rounded as printed."""
    mdp = load("gridworld-5x5")
    printed_uniform = [3.3, 8.8, 4.4, 5.3, 1.5, 1.5, 3.0, 2.3, 1.9, 0.5, 0.1, 0.7, 0.7, 0.4, -0.4]
    printed_uniform += [-1.0, -0.4, -0.4, -0.6, -1.2, -1.9, -1.3, -1.2, -1.4, -2.0]
    printed_best = [22.0, 24.4, 22.0, 19.4, 17.5, 19.8, 22.0, 19.8, 17.8, 16.0, 17.8, 19.8, 17.8, 16.0, 14.4]
    printed_best += [16.0, 17.8, 16.0, 14.4, 13.0, 14.4, 16.0, 14.4, 13.0, 11.7]
    np.testing.assert_allclose(evaluate(mdp, mdp.uniform_policy()).V, printed_uniform, atol=0.0501)
    np.testing.assert_allclose(optimum(mdp).V, printed_best, atol=0.0501)


def test_gridworld_4x4():
    """Figure 4.1 of Sutton and Barto, where gamma = 1."""
    mdp = replace(load("gridworld-4x4"), discount=1 - 1e-9)
    printed = [0, -14, -20, -22, -14, -18, -20, -20, -20, -20, -18, -14, -22, -20, -14, 0]
    np.testing.assert_allclose(evaluate(mdp, mdp.uniform_policy()).V, printed, atol=1e-5)


def test_inventory():
    """The tables of Puterman, section 3.2; orders beyond the capacity are cut down to it."""
    mdp = load("inventory")
    assert mdp.rewards.tolist() == [[0, -1, -2, -5], [5, 0, -3, -3], [6, -1, -1, -1], [5, 5, 5, 5]]
    np.testing.assert_array_equal(mdp.transitions[0, 2], [0.25, 0.5, 0.25, 0])
    np.testing.assert_array_equal(mdp.transitions[1, 0], [0.75, 0.25, 0, 0])
    np.testing.assert_array_equal(mdp.transitions[2, 1], [0, 0.25, 0.5, 0.25])


def test_queue():
    """The birth-death rows, and an optimal service rate that grows with the queue."""
    mdp = load("queue")
    np.testing.assert_array_equal(mdp.transitions[3, 1, 2:5], [0.4, 0.4, 0.2])
    np.testing.assert_array_equal(mdp.transitions[0, 3, :2], [0.8, 0.2])
    np.testing.assert_array_equal(mdp.transitions[-1, 3, -2:], [0.8, 0.2])
    assert mdp.rewards[2, 3] == pytest.approx(-(2 + 60 * 0.8**3))
    best = optimum(mdp).Q.argmax(axis=1)
    assert (np.diff(best) >= 0).all()
    assert best[0] == 0
    assert best[-1] > 0


def test_toy_text_optima():
    """Known optima: 14/17 for the undiscounted 4x4 lake; 13 steps of -1 along the cliff; 7.93 for Taxi."""
    lake = replace(load("frozenlake-4x4"), discount=1 - 1e-7)
    assert optimum(lake).V[0] == pytest.approx(14 / 17, abs=1e-4)
    cliff = load("cliffwalking")
    assert optimum(cliff).V[36] == pytest.approx(-(1 - 0.99**13) / 0.01)
    taxi = replace(load("taxi"), discount=1 - 1e-6)
    start = (taxi.initial - 0.0002) / 0.9
    assert start @ optimum(taxi).V == pytest.approx(7.93, abs=0.005)


def test_load_garnet():
    mdp = load(GARNET_FORM)
    np.testing.assert_array_equal(mdp.transitions, garnet(20, 4, 3, 0.9, 7).transitions)
    assert mdp.name == GARNET_FORM


def test_load_gymnasium_and_files(tmp_path):
    assert load("gym:CliffWalkingSlippery-v1").rewards.min() == -100
    for suffix in (".npz", ".json"):
        save_mdp(load("forest"), tmp_path / f"mine{suffix}")
        assert load(str(tmp_path / f"mine{suffix}")).name == "forest"
        assert load(tmp_path / f"mine{suffix}").name == "forest"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (3, "expected an MDP, its name or its file, got int"),
        ("frozenlake-8x9", "unknown MDP 'frozenlake-8x9': did you mean frozenlake-8x8 or"),
        ("Cash-In", "did you mean cash-in"),
        ("zzz", "unknown MDP 'zzz': the library has cash-in, unvisited"),
        ("", "unknown MDP ''"),
        ("garnet:S=20,A=4", "expected S, A, b, gamma and seed once each, as in garnet:S=20,A=4"),
        ("garnet:S=20,A=4,b=3,gamma=0.9,seed=7,S=3", "once each"),
        ("garnet:S=20,A=4,b=3,gamma=high,seed=7", "gamma a number"),
        ("garnet:S=2.5,A=4,b=3,gamma=0.9,seed=7", "must be integers"),
        ("garnet:S=20,A=4,b=3,gamma=nan,seed=7", "discount must lie in"),
        ("gym:Nothing-v0", "gymnasium cannot make"),
        ("nowhere.json", "nowhere.json: cannot be read: No such file"),
        ("foo.prism", r"^foo\.prism: an MDP file must end in one of \.npz, \.json"),
        ("folder/forest", r"^folder/forest: an MDP file must end in one of \.npz, \.json"),
        ("gym:Taxi-v3", r"gymnasium cannot make the environment 'Taxi-v3': .* Please use `Taxi-v4` instead"),
    ],
)
def test_load_bad_input(name, message):
    with pytest.raises(InputError, match=message) as caught:
        load(name)
    assert "\n" not in str(caught.value)
