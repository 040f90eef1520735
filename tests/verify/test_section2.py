"""The identities of section 2: an evaluation that is wrong in one number violates the one that speaks of it."""

from dataclasses import replace

import numpy as np
import pytest

from verify import section2
from verify.core.command import Options
from verify.core.statement import Verdict

ONE_STATE = np.array([1, 0, 0])


def changed(**parts):
    return lambda right: (
        lambda mdp, policy: (lambda e: replace(e, **{name: part(e, mdp) for name, part in parts.items()}))(
            right(mdp, policy)
        )
    )


BROKEN = {
    "rho normalised": (changed(rho=lambda e, mdp: e.rho * (1 - mdp.discount)), section2.MASS),
    "a state is not visited": (changed(rho=lambda e, mdp: e.rho - ONE_STATE[: len(e.rho)] * e.rho), section2.VISITED),
    "eta twice": (changed(eta=lambda e, mdp: 2 * e.eta), section2.RETURN),
    "A is Q": (changed(A=lambda e, mdp: e.Q), section2.CENTRED),
    "A is Q in one state": (
        changed(A=lambda e, mdp: e.A + np.outer(ONE_STATE[: len(e.V)], np.ones(e.A.shape[1], dtype=int)) * e.V[0]),
        section2.CENTRED,
    ),
    "A doubled": (changed(A=lambda e, mdp: 2 * e.A), section2.DIFFERENCE),
    "A halved": (changed(A=lambda e, mdp: e.A / 2), section2.FIRST_ORDER),
    "A is Q, at pi": (changed(A=lambda e, mdp: e.Q), section2.SURROGATE),
}


@pytest.mark.parametrize(("break_", "statement"), BROKEN.values(), ids=BROKEN.keys())
def test_a_wrong_evaluation_is_noticed(break_, statement, monkeypatch):
    monkeypatch.setattr(section2, "evaluate_exactly", break_(section2.evaluate_exactly))
    checks = section2.check(Options(mdp=("dadashi-2a", "cash-in"), instances=2))
    assert statement in {check.statement for check in checks if check.verdict is Verdict.VIOLATED}
