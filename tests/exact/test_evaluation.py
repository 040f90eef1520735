"""Policy evaluation: identities, closed forms, and the agreement of dense LU, sparse LU and the Krylov solver."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from exact import evaluation
from exact.evaluation import EvaluationError, evaluate, policy_transitions
from exact.mdp import MDP
from exact.mdps.garnet import garnet
from exact.mdps.library import load
from tests.exact.strategies import mdps, policies

LIMITS = {"dense LU": (10**6, 10**6), "sparse LU": (0, 10**6), "Krylov": (0, 0)}
"""method -> (DENSE_MAX_STATES, SPARSE_LU_MAX_STATES) that choose it whatever the size."""


def evaluate_by(method, mdp, policy, guess=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evaluation, "DENSE_MAX_STATES", LIMITS[method][0])
        patch.setattr(evaluation, "SPARSE_LU_MAX_STATES", LIMITS[method][1])
        return evaluate(mdp, policy, guess)


def check_identities(mdp, policy, e, tolerance=1e-9):
    """Bellman's equation, the flow equation and what follows from them, relative to the size of the numbers."""
    gamma, size = mdp.discount, max(1.0, abs(e.Q).max())
    P_pi = policy_transitions(mdp, policy)
    r_pi = (policy * mdp.rewards).sum(axis=1)
    mass = 1 / (1 - gamma)
    assert pytest.approx(r_pi + gamma * (P_pi @ e.V), abs=tolerance * size) == e.V
    assert pytest.approx(mdp.rewards + gamma * (mdp.kernel @ e.V).reshape(e.Q.shape), abs=tolerance * size) == e.Q
    assert e.rho == pytest.approx(mdp.initial + gamma * (P_pi.T @ e.rho), abs=tolerance * mass)
    assert e.rho.sum() == pytest.approx(mass, rel=tolerance)
    assert (policy * e.A).sum(axis=1) == pytest.approx(0, abs=tolerance * size)
    assert e.rho @ r_pi == pytest.approx(e.eta, abs=tolerance * size * mass)
    assert (e.rho >= mdp.initial - tolerance * mass).all()
    assert e.policy_advantage >= -tolerance * size * mass


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_identities_hold_for_every_solver_and_they_agree(data):
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    results = {method: evaluate_by(method, mdp, policy) for method in LIMITS}
    for e in results.values():
        check_identities(mdp, policy, e)
        assert pytest.approx(results["dense LU"].V, rel=1e-8, abs=1e-8) == e.V
        assert e.rho == pytest.approx(results["dense LU"].rho, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("method", LIMITS)
@pytest.mark.parametrize("discount", [0.0, 0.9, 0.999])
def test_identities_on_a_larger_sparse_mdp(method, discount):
    mdp = garnet(400, 3, 4, discount, seed=5)
    mdp = MDP(sparse.csr_array(mdp.kernel), mdp.rewards, mdp.initial, discount)
    policy = np.random.default_rng(1).dirichlet(np.ones(3), 400)
    e = evaluate_by(method, mdp, policy)
    check_identities(mdp, policy, e)
    if method == "Krylov":
        warm = evaluate_by(method, mdp, policy, guess=e)
        assert pytest.approx(e.V, rel=1e-9) == warm.V
        assert evaluate_by(method, mdp, mdp.uniform_policy(), guess=e).eta != pytest.approx(e.eta, abs=1e-6)


def test_size_and_representation_choose_the_method(monkeypatch):
    used = []
    for name in ("_dense_lu", "_sparse_lu", "_krylov"):
        solver = getattr(evaluation, name)
        monkeypatch.setattr(evaluation, name, lambda *a, name=name, solver=solver: used.append(name) or solver(*a))
    monkeypatch.setattr(evaluation, "DENSE_MAX_STATES", 10)
    monkeypatch.setattr(evaluation, "SPARSE_LU_MAX_STATES", 20)
    for S in (10, 11, 20, 21):
        mdp = garnet(S, 2, 2, 0.9, seed=0)
        evaluate(mdp, mdp.uniform_policy())
    assert used == ["_dense_lu", "_sparse_lu", "_sparse_lu", "_krylov"]


def test_one_state():
    mdp = MDP(np.ones((1, 2, 1)), np.array([[1.0, 3.0]]), np.ones(1), 0.75)
    e = evaluate(mdp, np.array([[0.5, 0.5]]))
    assert (e.V[0], e.rho[0], e.eta) == (8.0, 4.0, 8.0)
    assert e.A.tolist() == [[-1.0, 1.0]]
    assert e.policy_advantage == 4.0


def test_cash_in():
    """theory.md, the cash-in MDP: rho = (5, 5), A* = 5, A_bar = 1 at the policy that stays."""
    e = evaluate(load("cash-in"), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert e.rho == pytest.approx([5, 5], rel=1e-14)
    assert (e.eta, abs(e.A).max()) == (0.0, 1.0)
    assert e.policy_advantage == pytest.approx(5, rel=1e-14)


def test_without_a_future_only_the_start_counts():
    mdp = garnet(6, 3, 2, 0.0, seed=2)
    e = evaluate(mdp, mdp.uniform_policy())
    assert e.rho == pytest.approx(mdp.initial, abs=0)
    assert pytest.approx(mdp.rewards, abs=0) == e.Q


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_performance_difference(data):
    """Eq. (2.3): eta(pi') = eta(pi) + sum_s rho'(s) sum_a pi'(a|s) A(s,a)."""
    mdp = data.draw(mdps())
    policy, other = data.draw(policies(mdp)), data.draw(policies(mdp))
    e, e_other = evaluate(mdp, policy), evaluate(mdp, other)
    predicted = e.eta + e_other.rho @ (other * e.A).sum(axis=1)
    scale = max(1.0, abs(e.Q).max()) / (1 - mdp.discount)
    assert predicted == pytest.approx(e_other.eta, abs=1e-11 * scale)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_policy_transitions_average_the_rows(data):
    mdp = data.draw(mdps())
    policy = data.draw(policies(mdp))
    S, A = policy.shape
    P_pi = policy_transitions(mdp, policy)
    assert sparse.issparse(P_pi) == sparse.issparse(mdp.transitions)
    dense = P_pi.toarray() if sparse.issparse(P_pi) else P_pi
    kernel = mdp.kernel.toarray() if sparse.issparse(mdp.kernel) else mdp.kernel
    expected = [sum(policy[s, a] * kernel[s * A + a] for a in range(A)) for s in range(S)]
    assert dense == pytest.approx(np.array(expected), abs=1e-15)


def test_iterative_solver_says_when_it_fails(monkeypatch):
    """Two iterations cannot solve it: no unchecked answer comes back."""
    short = evaluation.bicgstab
    monkeypatch.setattr(evaluation, "bicgstab", lambda *a, **k: short(*a, **(k | {"maxiter": 1})))
    mdp = garnet(200, 2, 3, 0.999, seed=0)
    with pytest.raises(EvaluationError, match=r"garnet.*: BiCGSTAB stopped at a relative residual of .*, wanted 1e-12"):
        evaluate_by("Krylov", mdp, mdp.uniform_policy())


def test_iterative_solver_with_a_guess_where_nothing_is_earned(monkeypatch):
    monkeypatch.setattr(evaluation, "SPARSE_LU_MAX_STATES", 0)
    monkeypatch.setattr(evaluation, "DENSE_MAX_STATES", 0)
    mdp = MDP(np.full((2, 2, 2), 0.5), np.array([[0.0, 1.0], [0.0, 1.0]]), np.array([0.5, 0.5]), 0.9)
    lucky = evaluate(mdp, np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert np.array_equal(evaluate(mdp, np.array([[1.0, 0.0], [1.0, 0.0]]), guess=lucky).V, np.zeros(2))


def test_rounding_leaves_no_negative_advantage():
    """Regression: A* of an optimal policy was printed as -3e-14; its exact value is zero."""
    e = evaluate(load("cash-in"), np.array([[1.0, 0.0], [1.0, 0.0]]))
    below = replace(e, A=np.full((2, 2), -1e-15))
    assert below.policy_advantage == 0


def test_an_evaluation_is_one_line():
    e = evaluate(load("cash-in"), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert repr(e) == "Evaluation(eta=0, A*=5, S=2, A=2)"


def test_a_state_that_is_never_visited_does_not_count_in_the_largest_advantage():
    """In "unvisited" the other action of state 1 would gain 2, and nobody comes there."""
    e = evaluate(load("unvisited"), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert e.A[1].max() == pytest.approx(2)
    assert e.largest_advantage == e.policy_advantage == 0
