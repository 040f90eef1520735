r"""The page's marks in its HTML: equations from LaTeX, and symbols that explain themselves.

    \( ... \)    an equation in the line        \[ ... \]    an equation of its own
    [[delta]]    a symbol of GLOSSARY: coloured as in the drawings, and explained when it is pointed at or focused

Equations become MathML, by latex2mathml when the page is written. Browsers typeset MathML themselves.
"""

import re
from html import escape

from latex2mathml.converter import convert

GLOSSARY = {
    "pi": ("<i>π</i>", "policy", "A policy. π(a|s) is the probability of action a in state s."),
    "pik": ("<i>π<sub>k</sub></i>", "policy", "The policy that the run has now, at iteration k."),
    "trial": ("<i>π′</i>", "trial", "The trial policy: what the step proposes. It is taken only if the ratio test accepts it."),
    "V": ("<i>V</i>", "policy", "V(s): the discounted rewards that the policy earns from state s on, in the mean."),
    "A": ("<i>A</i>", "gain", "The advantage A(s,a): what it gains to take action a once in state s and then to follow the policy."),
    "eta": ("<i>η</i>", "policy", "The return: the mean of V(s) over the states that an episode can begin in."),
    "rho": ("<i>ρ</i>", "weight", "ρ(s): how often the policy is in state s. Time t counts γ^t, so all ρ(s) add up to 1/(1−γ)."),
    "gamma": ("<i>γ</i>", "weight", "The discount: a reward one step later counts γ times as much."),
    "L": ("<i>L</i>", "trial", "The surrogate: the return of π′ if it visited the states as often as π_k does. It is known before π′ is tried."),
    "delta": ("<i>δ</i>", "region", "The radius: how far π′ may be from π_k, with every state weighted by ρ(s)."),
    "D": ("<i>D</i>", "region", "The distance of π′ and π_k: total variation in every state, weighted by ρ(s)."),
    "lambda": ("<i>λ</i>", "price", "The price of the radius: what a little more of it would gain. In the drawing the water line."),
    "r": ("<i>r</i>", "ratio", "The ratio: the gain that came, divided by the gain that was predicted. 1 is a perfect prediction."),
    "beta0": ("<i>β</i><sub>0</sub>", "ratio", "A step is accepted if its ratio is at least β₀."),
    "beta1": ("<i>β</i><sub>1</sub>", "ratio", "If the ratio is at least β₁, the next radius is larger."),
    "p0": ("<i>p</i><sub>0</sub>", "weight", "The smallest probability with which an episode begins in some state."),
    "Astar": ("<i>A*</i>", "gain", "The policy advantage: what is gained, to first order, by taking the best action everywhere. Zero at the optimum."),
    "G": ("<i>G</i>", "gain", "G(s,a): what action a gives away against the best action in state s."),
    "sigma": ("<i>σ̂</i>", "noise", "The sampled standard deviation of an episode's return, eq. (4.2)."),
    "N": ("<i>N</i>", "noise", "The number of steps in a batch of samples."),
}  # fmt: skip
"""Symbols by name: how they look, their colour in prose and drawings, and what they mean."""

EQUATION = re.compile(r"\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
SYMBOL = re.compile(r"\[\[(\w+)\]\]")


def typeset(html: str) -> str:
    """The HTML with its equations and symbols written out.

    Raises:
        KeyError: a symbol is not in GLOSSARY.
    """
    return SYMBOL.sub(_symbol, EQUATION.sub(_equation, html))


def _equation(found: re.Match[str]) -> str:
    inline, display = found.groups()
    return convert(inline or display, display="block" if display else "inline").replace("&#x02032;", "′")


def _symbol(found: re.Match[str]) -> str:
    look, colour, meaning = GLOSSARY[found[1]]
    return f'<button type="button" class="symbol {colour}" data-meaning="{escape(meaning)}">{look}</button>'
