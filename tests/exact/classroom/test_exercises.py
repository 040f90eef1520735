"""Every exercise's command runs, and shows the number that its answer gives."""

import re
import shlex
from importlib import import_module, resources

import numpy as np
import pytest

from exact.controller import ratio
from exact.evaluation import evaluate
from exact.mdps.library import load
from exact.subproblem.tv import solve_tv

HTML = resources.files("exact.classroom").joinpath("page", "exercises.html").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"<pre>(.*?)</pre>", HTML, flags=re.DOTALL) for line in block.splitlines()]
SHOWN = {
    "--mdp gridworld-5x5": ("within rounding after 7 iterations",),
    "--mdp gridworld-5x5 --method policy-iteration": ("within rounding after 2 iterations",),
    "--mdp gridworld-5x5 --delta0 0.001": ("after 15 iterations",),
    "--mdp gridworld-5x5 --method fixed-radius --delta0 0.5": ("after 9 iterations",),
    "--mdp chain --controller.beta0 0.9 --controller.beta1 0.95": ("after 16 iterations",),
    "--mdp gridworld-5x5 --method conservative": ("after 1000 iterations", "eta = 4.789", "17.32"),
    "--mdp cash-in --distance kl-reverse": ("after 3 iterations",),
}


def test_there_are_ten_with_an_answer_and_a_command_each() -> None:
    assert HTML.count("<li>") == HTML.count("<details>") == HTML.count("<pre>") == 10


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_runs_and_shows_what_the_answer_says(command: str, tmp_path, capsys) -> None:
    module, _, words = command.removeprefix("python -m ").partition(" ")
    given = shlex.split(words)
    if module == "exact.classroom":
        given += ["--out", str(tmp_path / "page.html")]
    status = import_module("exact.classroom.__main__" if module == "exact.classroom" else module).main(given)
    assert status == (1 if "conservative" in command else 0)
    out = " ".join(capsys.readouterr().out.split())
    for text in SHOWN.get(words, ()):
        assert text in out


def test_the_ratio_of_cash_in_is_a_quarter_at_five_thirds() -> None:
    mdp = load("cash-in")
    never = np.array([[1.0, 0.0], [1.0, 0.0]])
    at = evaluate(mdp, never)
    step = solve_tv(never, at.A, at.rho, 5 / 3)
    assert at.rho[0] == pytest.approx(5)
    assert ratio(evaluate(mdp, step.policy).eta - at.eta, step.gain) == pytest.approx(1 / 4)
