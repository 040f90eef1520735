"""Evaluations during training: every so many steps the current policy plays without noise, and the best one is kept."""

import numpy as np

from deep.algorithm import Learner
from deep.playing import Player
from deep.run.checkpoint import BEST, write_one
from deep.run.directory import RunDirectory, to_json
from deep.run.snapshot import pack_moments
from deep.sampling.environments import EnvSpec


class Judge:
    """Evaluates a learner's policy every `config.eval_every` steps.

    Every evaluation plays the same episodes, whose seeds follow from the run's seed, in an environment of its own. So
    the training is the same with and without it.

    Args:
        learner: its policy is evaluated.
        run: keeps the best one as checkpoints/best.pt.
        spec: the environment.
    """

    def __init__(self, learner: Learner, run: RunDirectory, spec: EnvSpec):
        self.learner, self.run, self.spec, config = learner, run, spec, learner.config
        self.seed = int(np.random.SeedSequence(config.seed).spawn(4)[3].generate_state(1)[0])  # three are the learner's
        scores = [line["eval_return"] for line in run.entries() if "eval_return" in line] if config.eval_every else []
        self.best = max(scores, default=-np.inf)

    def look(self, before: int) -> dict[str, float]:
        """Evaluate if an evaluation is due, at the end of the run too; returns what metrics.jsonl says of it.

        Args:
            before: steps of the run before this iteration.

        Raises:
            FaultError: the environment failed.
        """
        config, now = self.learner.config, self.learner.state.steps
        every = config.eval_every
        if not every or (now // every == before // every and now < config.steps):
            return {}
        returns, lengths = np.transpose(self._player().evaluate(config.eval_episodes, self.seed))
        score = float(returns.mean())
        if score > self.best:
            self.best = score
            self._keep(score)
        return {"eval_return": score, "eval_std": float(returns.std()), "eval_length": float(lengths.mean())}

    def _player(self) -> Player:
        learner, s = self.learner, self.learner.state
        inputs = learner.batches.preprocess(s.observations)
        return Player(self.spec, learner.config.sticky_actions, learner.policy.actor(s.theta), inputs)

    def _keep(self, score: float) -> None:
        s = self.learner.state
        learned = {"theta": s.theta, "observations": pack_moments(s.observations)}
        state = {"learner": learned, "config": to_json(self.learner.config), "eval_return": score, "steps": s.steps}
        write_one(self.run.checkpoints / BEST, state)
