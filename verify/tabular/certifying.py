"""Certificates of the steps that are checked: what `verify/check_certificate.py` re-derives of them."""

from itertools import islice
from typing import Any

from exact.certificate import step_certificate
from exact.common.errors import InputError
from exact.mdp import MDP
from exact.mdps.library import load
from verify.core.command import Options
from verify.tabular.runs import plan, rational_mdp, steps
from verify.tabular.trial import TrialPoint, exact_trial

STEPS = 5
"""So many steps of every run get a certificate."""
STATES = 100
"""Runs in larger MDPs get none: their fractions fill megabytes."""


def step_certificates(options: Options) -> list[dict[str, Any]]:
    """The certificates of the first steps of every run of the plan, in its order.

    Raises:
        InputError: the steps are not those of the closed form, or no MDP has at most STATES states.
    """
    if options.solver != "closed-form":
        raise InputError("--certificate is for --solver closed-form: a convex solver's steps are not exact maximisers")
    found = []
    for run in plan(options):
        mdp = load(run.mdp)
        if mdp.n_states <= STATES:
            found += [certificate(mdp, exact_trial(rational_mdp(mdp), it)) for it in islice(steps(run, mdp), STEPS)]
    if not found:
        raise InputError(f"--certificate: no step of an MDP of at most {STATES} states was checked")
    return found


def certificate(mdp: MDP, t: TrialPoint) -> dict[str, Any]:
    """The certificate of one exact step, with both sides of every statement that the checker derives.

    Its radius is the one for which the step is the exact maximiser (`TrialPoint.delta`): what the step spends of the
    radius that was given, on the grid of the policies; or the given one, where that reaches the greedy policy.
    """
    one, gamma, rho, rho_new = 1 - t.discount, t.discount, t.before.rho, t.after.rho
    zero = one * 0
    sides = {
        "the trial is in the region": [t.delta, t.D],
        "closed form of (3.6)": [t.gain, t.price * t.D + t.dual - t.price * t.delta],
        "Lemma 3.3": [t.gain, min(one / one, one * t.delta) * t.A_star],
        "no state is made worse": [t.f.min(), zero],
        "monotone improvement": [(t.after.V - t.before.V).min(), zero],
    }
    if t.p0 > 0 and t.gain > 0:
        sides["ratio by visitation"] = [t.ratio, min(rho_new / rho)]
        sides["prior ratio"] = [t.ratio, 1 - gamma * t.D / (one * min(rho))]
        sides["posterior ratio"] = [t.ratio, 1 / (1 + gamma * t.D_new / (one * min(rho_new)))]
    numbers, policies = (t.delta, t.price), (t.policy, t.trial)
    return step_certificate(mdp.name, rational_mdp(mdp), policies, (t.before, t.after), numbers, sides)
