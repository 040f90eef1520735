"""The classroom's numbers about noise: what sampled batches say about one small MDP, whose truth is known.

    python -m verify.sampled.lecture --out exact/classroom/page/noise.json

The page of `exact.classroom` draws these numbers and computes none. They are committed beside it, because `exact` does
not import `verify`.

At one policy, half the way to the optimum, and for every batch size N, steps of one radius are proposed from sampled
batches, with GAE and a fitted critic (`verify.sampled.decisions`). Of each the predicted gain, the true gain, two
estimates of it and the decision of (4.14) are kept. Then whole runs of Algorithm 4.3 with (4.14) show the radius.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable
from exact.mdps.library import load
from verify.sampled.algorithm import advance, begin
from verify.sampled.batches import Sampling
from verify.sampled.curves import optimal_return
from verify.sampled.decisions import RADII, STAGES, Decisions, DecisionTask, run_decisions
from verify.sampled.rules import RULES
from verify.sampled.sampler import tabulate

BATCHES = (16, 64, 256, 1024, 4096)
"""N, the steps of a batch."""
SHOWN = 40
"""Batches of each size that are shown one by one; the shares are over all."""
RADIUS = 0.03
"""Mean KL divergence of the steps, one of `decisions.RADII`."""
STAGE = 0.5
"""Share of the way to the optimum, one of `decisions.STAGES`."""
WALKS, ROUNDS, WALK_BATCH = 8, 60, 256
"""Whole runs with (4.14): how many, how many rounds, and N."""


@dataclass(frozen=True)
class Options:
    """Compute the classroom's numbers about noise."""

    out: Path
    """File to write."""
    mdp: str = "chain"
    """The MDP."""
    replications: int = 400
    """Batches of each size."""
    seed: int = 0
    """Seed of everything."""

    def __post_init__(self) -> None:
        if self.replications < SHOWN or self.seed < 0:
            raise InputError(f"--replications must be at least {SHOWN} and --seed at least 0")
        check_writable(self.out)


def batches(mdp: str, replications: int, seeds: Sequence[np.random.SeedSequence]) -> list[dict[str, Any]]:
    """For every N: the first SHOWN steps one by one, and how often each estimate has the wrong sign over all."""
    rows = []
    for n, seed in zip(BATCHES, seeds, strict=True):
        found = run_decisions(DecisionTask(mdp, Sampling(n, exact_advantages=False), replications, seed))
        by_name = {rule.name: _at_stage(one, replications) for rule, one in zip(RULES, found, strict=True)}
        printed, reverse = by_name["(4.14)"], by_name["reverse, z"]
        gain, accepted = printed["gain"], printed["accepted"] > 0
        rows.append(
            {
                "n": n,
                "predicted": _short(printed["predicted"][:SHOWN]),
                "gain": _short(gain[:SHOWN]),
                "returns": _short(printed["estimate"][:SHOWN]),
                "reverse": _short(reverse["estimate"][:SHOWN]),
                "accepted": accepted[:SHOWN].tolist(),
                "overfit": _short(printed["predicted"].mean() / gain.mean()),
                "wrong_returns": _short((printed["estimate"] * gain < 0).mean()),
                "wrong_reverse": _short((reverse["estimate"] * gain < 0).mean()),
                "worse": _short((gain < 0).mean()),
                "wrong_decision": _short((accepted != (gain > 0)).mean()),
            }
        )
    return rows


def walks(mdp: str, seed: np.random.SeedSequence) -> dict[str, Any]:
    """mu_k and the progress to the optimum of whole runs with (4.14)."""
    problem, rng = load(mdp), np.random.default_rng(seed)
    rules = [next(rule for rule in RULES if rule.name == "(4.14)")] * WALKS
    tables, sampling = tabulate(problem), Sampling(WALK_BATCH, exact_advantages=False)
    state = begin(tables, rules, sampling, rng)
    start, optimum = state.eta[0], optimal_return(problem)
    mu, progress = [[c.radius for c in state.controllers]], [np.zeros(WALKS)]
    for k in range(ROUNDS):
        state, _ = advance(tables, rules, state, sampling, 1 - k / ROUNDS, rng)
        mu.append([c.radius for c in state.controllers])
        progress.append((state.eta - start) / (optimum - start))
    return {"n": WALK_BATCH, "mu": _short(np.transpose(mu)), "progress": _short(np.transpose(progress))}


def work(options: Options) -> int:
    """Compute and write the numbers."""
    first, second = np.random.SeedSequence(options.seed).spawn(2)
    content = {
        "command": f"python -m verify.sampled.lecture --out {options.out} --mdp {options.mdp} "
        f"--replications {options.replications} --seed {options.seed}",
        "numpy": np.__version__,
        "mdp": options.mdp,
        "radius": RADIUS,
        "batches": batches(options.mdp, options.replications, first.spawn(len(BATCHES))),
        "walks": walks(options.mdp, second),
    }
    atomic_write(options.out, json.dumps(content, separators=(",", ":"), allow_nan=False) + "\n")
    print(f"wrote {options.out}")
    return cli.DONE


def _at_stage(found: Decisions, replications: int) -> dict[str, Any]:
    """The decisions at STAGE and RADIUS, in the order in which they were made."""
    shape = (len(STAGES), len(RADII), replications)
    stage, radius = STAGES.index(STAGE), RADII.index(RADIUS)
    names = ("gain", "predicted", "estimate", "accepted")
    return {name: getattr(found, name).reshape(shape)[stage, radius] for name in names}


def _short(x: Any) -> Any:
    """Four significant digits, as nested lists."""
    array = np.asarray(x, dtype=np.float64)
    return [_short(item) for item in array] if array.ndim else float(f"{float(array):.4g}")


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "verify.sampled.lecture", work, argv)


if __name__ == "__main__":
    sys.exit(main())
