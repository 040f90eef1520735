"""A model card: README.md with the metadata that model hubs read, written from a run's own files.

The metadata is YAML between two lines of dashes, with the fields that the Hugging Face Hub documents: library_name,
pipeline_tag, tags and model-index.  Values are written as JSON, which is YAML.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from deep.film import VIDEO_SUFFIXES
from deep.metrics import RECENT_EPISODES
from deep.run.cell import read_metrics
from exact.common import schema
from exact.common.bootstrap import stratified_interval
from exact.common.errors import InputError

CARD = "README.md"
RESAMPLES = 10_000
LOADERS = {
    ".onnx": """import onnxruntime

session = onnxruntime.InferenceSession("{file}")
action, output = session.run(None, {{"observation": observations}})  # shape (n, ...), without the package stro""",
    ".pt": """import torch

action, output = torch.jit.load("{file}")(observations)  # shape (n, ...), without the package stro""",
}
"""How an exported file acts, by its ending."""


@dataclass(frozen=True)
class Score:
    """A mean return and how sure it is."""

    name: str
    mean: float
    interval: tuple[float, float] | None
    """Of the mean, 95%; None for a single episode."""
    episodes: int

    @property
    def text(self) -> str:
        """The mean and its interval."""
        ends = "" if self.interval is None else f" [{self.interval[0]:,.1f}, {self.interval[1]:,.1f}]"
        return f"{self.mean:,.1f}{ends}"

    @property
    def metric(self) -> dict[str, Any]:
        """An entry of the model-index."""
        interval = None if self.interval is None else [round(end, 3) for end in self.interval]
        return {
            "type": "mean_reward",
            "name": self.name,
            "value": round(self.mean, 3),
            "args": {"episodes": self.episodes, "interval_95": interval},
            "verified": False,
        }


def scores(entries: list[dict[str, Any]], eval_episodes: int, best: bool) -> list[Score]:
    """What the lines of metrics.jsonl say of the policy; nothing if no episode ended.

    Args:
        entries: the lines.
        eval_episodes: episodes of each evaluation.
        best: whether the policy is the best evaluation's, not the newest.
    """
    found, judged = [], [line for line in entries if "eval_return" in line]
    if judged:
        line = max(judged, key=lambda line: float(line["eval_return"])) if best else judged[-1]
        mean, n = line["eval_return"], eval_episodes
        ends = None
        if n > 1:
            from scipy import stats

            half = float(stats.t.ppf(0.975, n - 1)) * line["eval_std"] / np.sqrt(n - 1)
            ends = (mean - half, mean + half)
        chosen = f", the best of {len(judged)} evaluations" if best else ""
        found.append(Score(f"return without noise at {line['steps']:,} steps{chosen}", mean, ends, n))
    returns = np.array([episode[1] for line in entries for episode in line["episodes"]])[-RECENT_EPISODES:]
    if len(returns) and not best:
        ends = None
        if len(returns) > 1:
            rng = np.random.default_rng(0)
            low, high = stratified_interval([returns], np.mean, rng, resamples=RESAMPLES)
            ends = (float(low), float(high))
        name = f"return of the last {len(returns)} training episodes, with the noise of training"
        found.append(Score(name, float(returns.mean()), ends, len(returns)))
    return found


def card(run: Path, policy: Path, best: bool = False) -> str:
    """The card of a run.

    Args:
        run: the run directory, whose config.json is that of a run.
        policy: the exported policy that the card explains; the card will lie beside it.
        best: as for `scores`.

    Raises:
        InputError: no run directory, it has no whole line of metrics yet, or there is a README.md already.
    """
    target = policy.parent
    if not (run / "config.json").exists() or not (run / "metrics.jsonl").exists():
        raise InputError(f"--card: {run} has no metrics; expected a run directory made by deep.train")
    if (target / CARD).exists():
        raise InputError(f"--card: {target / CARD} exists; expected a folder without one (remove it, or choose --out)")
    config = schema.read_file(run / "config.json", {})
    entries = read_metrics(run, {"episodes": list[tuple[int, float, int]]})
    if not entries:
        raise InputError(f"--card: {run} has no iteration yet; expected a run with metrics")
    found = scores(entries, config.get("eval_episodes", 0), best)
    films = sorted(path.name for path in target.iterdir() if path.suffix in VIDEO_SUFFIXES) if target.is_dir() else []
    whole = target.resolve() == run.resolve()
    return f"{front(config, found)}\n{body(config, entries, found, policy.name, films, whole)}"


def front(config: dict[str, Any], found: list[Score]) -> str:
    """The metadata."""
    env, version = config["env"], config.get("versions", {}).get("stro", "")
    tags = [env, "reinforcement-learning", "deep-reinforcement-learning", "gymnasium", "trust-region", "stro"]
    data: dict[str, Any] = {"library_name": "stro", "pipeline_tag": "reinforcement-learning", "tags": tags}
    task = {"type": "reinforcement-learning", "name": "reinforcement-learning"}
    results = [{"task": task, "dataset": {"name": env, "type": env}, "metrics": [score.metric for score in found]}]
    data["model-index"] = [{"name": f"STRO {version}".strip(), "results": results}] if found else []
    return "\n".join(["---", *(f"{name}: {json.dumps(value)}" for name, value in data.items()), "---", ""])


def body(
    config: dict[str, Any], entries: list[dict[str, Any]], found: list[Score], file: str, films: list[str], whole: bool
) -> str:
    """The text; `whole`: the card lies in the run directory."""
    env, steps = config["env"], entries[-1]["steps"]
    done = "" if steps >= config["steps"] else f" of {config['steps']:,} (the run is not finished)"
    rows = [f"| {score.name} | {score.text} | {score.episodes} |" for score in found]
    table = ["| what | mean [95% interval] | episodes |", "|---|---|---|", *rows] if rows else ["No episode ended."]
    loader = LOADERS.get(Path(file).suffix)
    usage = ["```python", loader.format(file=file), "```"] if loader else [f"The policy is in `{file}`."]
    paragraphs = [
        [f"# STRO in {env}"],
        [
            "A policy trained with [STRO](https://arxiv.org/abs/1911.11640), stochastic trust-region policy "
            f"optimisation: {steps:,} environment steps{done}, preset `{config['preset']}`, seed {config['seed']}."
        ],
        *([_film(env, film)] for film in films),
        table,
        ["## Use"],
        usage,
        *(WHOLE if whole else []),
        ["## How it was made"],
        ["```sh", config.get("command", "deep.train"), "```"],
        [", ".join(f"{name} {version}" for name, version in config.get("versions", {}).items())],
    ]
    return "\n\n".join("\n".join(lines) for lines in paragraphs) + "\n"


WHOLE = [
    ["With the package stro, in this folder:"],
    ["```python", "import deep", "", 'action, state = deep.load(".").predict(observation, deterministic=True)', "```"],
    ["`config.json` has all settings, `metrics.jsonl` has a line for every iteration."],
]
"""What can be said of a card in the run directory."""


def _film(env: str, file: str) -> str:
    return f"![{env}]({file})" if file.endswith(".gif") else f'<video controls src="{file}"></video>'
