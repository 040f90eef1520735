"""Actions that a state does not have: the mask changes no value, and no policy uses what is not there."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from exact.algorithm import iterate, solve
from exact.baselines import conservative, natural_gradient, policy_iteration
from exact.certificate import policy_certificate
from exact.common.errors import InputError
from exact.evaluation import evaluate
from exact.mdp import MDP
from exact.mdps.library import load
from exact.optimum import optimum
from exact.rational import dyadics, evaluate_exactly, from_mdp
from exact.subproblem.distances import Distance
from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
from exact.subproblem.lp import ConvexSubproblem
from exact.subproblem.tv import solve_tv
from tests.exact.strategies import mdps
from verify.core.command import SearchOptions
from verify.core.report import tally
from verify.lemma34 import STUDY


@st.composite
def masked(draw):
    """An MDP and a mask with at least one available action in every state."""
    mdp = draw(mdps())
    S, A = mdp.rewards.shape
    mask = np.array(draw(st.lists(st.booleans(), min_size=S * A, max_size=S * A))).reshape(S, A)
    mask[np.arange(S), draw(st.lists(st.integers(0, A - 1), min_size=S, max_size=S))] = True
    return mdp, mask


def with_mask(mdp, mask):
    """The MDP with the mask, and rubbish where it is false."""
    rewards = np.where(mask, mdp.rewards, -np.inf)
    if sparse.issparse(mdp.transitions):
        kernel = sparse.csr_array(mdp.transitions.toarray() * mask.reshape(-1, 1))
        return MDP(kernel, rewards, mdp.initial, mdp.discount, "masked", mask)
    return MDP(np.where(mask[..., None], mdp.transitions, np.nan), rewards, mdp.initial, mdp.discount, "masked", mask)


def with_copies(mdp, mask):
    """The same as an MDP whose actions all exist: the missing ones are copies of the last available one."""
    A = mask.shape[1]
    source = np.where(mask, np.arange(A), A - 1 - mask[:, ::-1].argmax(axis=1)[:, None])
    rows = (np.arange(len(mask))[:, None] * A + source).ravel()
    table = mdp.kernel.toarray() if sparse.issparse(mdp.kernel) else mdp.kernel
    P = table[rows].reshape(*mask.shape, len(mask))
    return MDP(P, np.take_along_axis(mdp.rewards, source, axis=1), mdp.initial, mdp.discount, "copies")


SOLVERS = [
    ("tv", lambda mdp: solve_tv, True),
    ("kl-forward", lambda mdp: solve_kl_forward, True),
    ("kl-reverse", lambda mdp: solve_kl_reverse, True),
    ("policy-iteration", lambda mdp: policy_iteration, False),
    ("conservative", conservative, False),
    ("natural-gradient", natural_gradient, False),
]


@settings(deadline=None, max_examples=25)
@given(masked())
def test_every_solver_has_the_values_of_the_mdp_with_copies_and_uses_available_actions_only(both):
    one, other = with_mask(*both), with_copies(*both)
    slack = 1e-6 * (1 + np.abs(one.rewards).max()) / (1 - one.discount)
    best = optimum(other)
    assert np.allclose(optimum(one).values.V, best.values.V, atol=slack)
    assert not optimum(one).policy[~both[1]].any()
    for name, make, controlled in SOLVERS:
        arguments = {"max_iterations": 25} | ({} if controlled else {"settings": None})
        found = solve(one, make(one), **arguments)
        assert not found.policy[~both[1]].any(), name
        if found.converged:
            assert abs(found.final.eta - best.values.eta) <= slack, name


@settings(deadline=None, max_examples=15)
@given(masked())
def test_the_optimum_is_the_best_of_all_available_deterministic_policies(both):
    mdp, mask = with_mask(*both), both[1]
    choices = [np.flatnonzero(row) for row in mask]
    policies = list(product(*choices))
    if len(policies) > 300:
        return
    values = [evaluate(mdp, np.eye(mask.shape[1])[list(actions)]).V for actions in policies]
    assert np.allclose(optimum(mdp).values.V, np.max(values, axis=0), atol=1e-9 / (1 - mdp.discount))


@pytest.mark.parametrize("distance", list(Distance))
def test_the_convex_programs_respect_the_mask(distance):
    mdp = load("inventory")
    mask = np.add.outer(np.arange(4), np.arange(4)) <= 3
    masked = MDP(mdp.transitions, np.where(mask, mdp.rewards, -np.inf), mdp.initial, mdp.discount, "masked", mask)
    run = list(zip(range(3), iterate(masked, ConvexSubproblem(distance), delta0=0.5), strict=False))
    closed = {Distance.TV: solve_tv, Distance.KL_FORWARD: solve_kl_forward, Distance.KL_REVERSE: solve_kl_reverse}
    for _, it in run:
        assert not it.step.policy[~mask].any()
        step = closed[distance](it.policy, it.before.A, it.before.rho, it.delta)
        assert it.step.gain == pytest.approx(step.gain, rel=1e-5, abs=1e-7)


def test_puterman_s_inventory_with_its_own_mask_has_the_values_of_the_copies_in_the_library():
    mdp = load("inventory")
    mask = np.add.outer(np.arange(4), np.arange(4)) <= 3
    masked = MDP(mdp.transitions, np.where(mask, mdp.rewards, np.nan), mdp.initial, mdp.discount, "shop", mask)
    assert "10 of 16 pairs available" in repr(masked)
    np.testing.assert_allclose(optimum(masked).values.V, optimum(mdp).values.V, rtol=1e-13)
    uniform = masked.uniform_policy()
    assert uniform[3].tolist() == [1, 0, 0, 0]
    assert uniform[0].tolist() == [0.25] * 4
    exact = evaluate_exactly(from_mdp(masked), dyadics(np.eye(4)[np.zeros(4, dtype=int)]))
    assert exact.A[3, 0] == exact.A[3, 1] == exact.A[3, 3] == 0


def test_statements_hold_with_a_mask():
    mdp = load("inventory")
    mask = np.add.outer(np.arange(4), np.arange(4)) <= 3
    masked = MDP(mdp.transitions, mdp.rewards, mdp.initial, mdp.discount, "shop", mask)
    rows = tally(STUDY.statements, STUDY.check(SearchOptions(mdp=(masked,), instances=2, search=2)))
    assert all(row.as_expected for row in rows)


def test_a_certificate_with_a_mask_is_about_available_actions():
    mask = np.array([[True, False], [True, True]])
    forest = load("puterman-two-state")
    mdp = MDP(forest.transitions, np.array([[5.0, np.inf], [-1, -1]]), forest.initial, 0.95, "one way", mask)
    found = policy_certificate(mdp, np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert found["price"] == "0"
    assert found["mdp"]["rewards"][0] == ["5", "5"]


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        ([[True, False], [False, False]], "state 1 has no available action"),
        ([[1, 0], [1, 1]], "available must be true or false for each of"),
        ([True, False], r"available must be true or false for each of \(S, A\) = \(2, 2\)"),
    ],
)
def test_a_wrong_mask_is_one_line(mask, message):
    mdp = load("puterman-two-state")
    with pytest.raises(InputError, match=message):
        MDP(mdp.transitions, mdp.rewards, mdp.initial, 0.9, "m", np.array(mask))


def test_a_policy_with_mass_on_an_unavailable_action_is_refused():
    mdp = load("puterman-two-state")
    masked = MDP(mdp.transitions, mdp.rewards, mdp.initial, 0.9, "m", np.array([[True, False], [True, True]]))
    with pytest.raises(InputError, match="policy has mass on action 1 of state 0, which is not available"):
        masked.check_policy(np.array([[0.5, 0.5], [1, 0]]))


def test_labels():
    mdp = load("puterman-two-state")
    named = MDP(mdp.transitions, mdp.rewards, mdp.initial, 0.9, "m", None, ("in", "out"), ["stay", "go"])
    assert (named.state_label(1), named.action_label(1), mdp.action_label(1)) == ("out", "go", "1")
    for wrong, message in ((("a",), "expected 2 labels, got 1"), (("a", "b\n"), "label 1 must be one line")):
        with pytest.raises(InputError, match=message):
            MDP(mdp.transitions, mdp.rewards, mdp.initial, 0.9, "m", None, wrong)


@pytest.mark.parametrize("discount", [0, 0.5, 0.999, 0.999999])
def test_every_discount_is_solved(discount):
    mdp = load("inventory")
    mask = np.add.outer(np.arange(4), np.arange(4)) <= 3
    masked = MDP(mdp.transitions, mdp.rewards, mdp.initial, discount, "shop", mask)
    assert solve(masked).final.eta == pytest.approx(optimum(masked).values.eta, rel=1e-9)
