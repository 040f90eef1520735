"""Single decisions, against exact values."""

from dataclasses import replace

import numpy as np

from exact.evaluation import evaluate
from tests.verify.sampled.cases import GARNET
from verify.sampled.batches import Sampling
from verify.sampled.curves import optimal_return
from verify.sampled.decisions import RADII, STAGES, DecisionTask, run_decisions, stages


def test_with_exact_advantages_no_sampled_step_makes_a_policy_worse(mdp):
    """Reweighting exact advantages by visits keeps their signs, so that f(s) >= 0 in every state."""
    task = DecisionTask(GARNET, Sampling(20, exact_advantages=True), 10, np.random.SeedSequence(1))
    assert all((found.gain >= -1e-12).all() for found in run_decisions(task))
    per_stage = len(STAGES), len(RADII) * task.replications
    gain = run_decisions(task)[0].gain.reshape(per_stage)
    assert (gain <= 1 - np.array(STAGES)[:, None] + 1e-9).all()  # no more than what was left of the way
    assert gain[0].max() > 1 - STAGES[-1]
    noisy = replace(task, sampling=Sampling(20, exact_advantages=False))
    assert (run_decisions(noisy)[0].gain < 0).any()


def test_stages_lie_where_they_say(mdp):
    start, optimum = evaluate(mdp, mdp.uniform_policy()).eta, optimal_return(mdp)
    reached = [(evaluate(mdp, pi).eta - start) / (optimum - start) for pi in stages(mdp, optimum)]
    assert all(share <= found <= share + 0.15 for share, found in zip(STAGES, reached, strict=True))
