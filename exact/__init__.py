"""STRO on finite MDPs, exactly: the subproblem (3.6) in closed form, and Algorithm 3.1 around it.

Zhao, Li and Wen, "A Stochastic Trust-Region Framework for Policy Optimization" (arXiv 1911.11640), sections 2 and 3.

    >>> from exact import ControllerSettings, evaluate, load, solve
    >>> mdp = load("frozenlake-8x8")                            # or MDP(...), garnet(...), a file, "gym:FrozenLake-v1"
    >>> mdp
    MDP(frozenlake-8x8: S=64, A=4, discount=0.99, dense)
    >>> evaluate(mdp, mdp.uniform_policy())                     # V, Q, A, rho and eta of a policy
    Evaluation(eta=0.0032996, A*=0.0109, S=64, A=4)
    >>> run = solve(mdp, settings=ControllerSettings(beta0=0.1))     # Algorithm 3.1, to the optimum
    >>> run
    Trajectory(converged: A* = 0 within rounding after 6 iterations, tolerance 1e-08,
      6 trials, 0 rejected,
      eta from 0.0032996 to 0.406877)
    >>> run.policy.shape, [round(record.delta) for record in run.records]
    ((64, 4), [1, 2, 4, 8, 16, 32])

Another distance or solver is an argument: solve(mdp, solve_kl_forward), solve(mdp, ConvexSubproblem(Distance.TV)).
Names are loaded when they are used, so `import exact` alone is fast. docs/exact.md maps the paper to the code.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from exact.common.interrupts import quiet_while_importing

if TYPE_CHECKING:
    from exact.algorithm import Iteration, Record, Trajectory, iterate, solve
    from exact.baselines import conservative, natural_gradient, policy_iteration
    from exact.common.errors import FaultError, InputError
    from exact.controller import ControllerSettings, ControllerState, Outcome, decide, ratio
    from exact.evaluation import Evaluation, evaluate
    from exact.formats.explicit import Given
    from exact.mdp import MDP
    from exact.mdps.files import load_mdp, save_mdp
    from exact.mdps.garnet import garnet
    from exact.mdps.library import load
    from exact.mdps.toy_text import from_gymnasium
    from exact.subproblem.distances import Distance
    from exact.subproblem.kl import solve_kl_forward, solve_kl_reverse
    from exact.subproblem.lp import ConvexSubproblem
    from exact.subproblem.step import Step, Subproblem
    from exact.subproblem.tv import solve_tv

quiet_while_importing()

__all__ = [
    "MDP",
    "ControllerSettings",
    "ControllerState",
    "ConvexSubproblem",
    "Distance",
    "Evaluation",
    "FaultError",
    "Given",
    "InputError",
    "Iteration",
    "Outcome",
    "Record",
    "Step",
    "Subproblem",
    "Trajectory",
    "conservative",
    "decide",
    "evaluate",
    "from_gymnasium",
    "garnet",
    "iterate",
    "load",
    "load_mdp",
    "natural_gradient",
    "policy_iteration",
    "ratio",
    "save_mdp",
    "solve",
    "solve_kl_forward",
    "solve_kl_reverse",
    "solve_tv",
]

_MODULES = {
    "exact.algorithm": ("Iteration", "Record", "Trajectory", "iterate", "solve"),
    "exact.baselines": ("conservative", "natural_gradient", "policy_iteration"),
    "exact.common.errors": ("FaultError", "InputError"),
    "exact.controller": ("ControllerSettings", "ControllerState", "Outcome", "decide", "ratio"),
    "exact.evaluation": ("Evaluation", "evaluate"),
    "exact.formats.explicit": ("Given",),
    "exact.mdp": ("MDP",),
    "exact.mdps.files": ("load_mdp", "save_mdp"),
    "exact.mdps.garnet": ("garnet",),
    "exact.mdps.library": ("load",),
    "exact.mdps.toy_text": ("from_gymnasium",),
    "exact.subproblem.distances": ("Distance",),
    "exact.subproblem.kl": ("solve_kl_forward", "solve_kl_reverse"),
    "exact.subproblem.lp": ("ConvexSubproblem",),
    "exact.subproblem.step": ("Step", "Subproblem"),
    "exact.subproblem.tv": ("solve_tv",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
"""The module of every public name."""


def __getattr__(name: str) -> Any:
    """Load the module of a public name when the name is used first (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'exact' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_HOME[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
