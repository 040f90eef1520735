r"""The page's marks in its HTML: equations from LaTeX, and symbols that explain themselves.

    \( ... \)    an equation in the line        \[ ... \]    an equation of its own
    [[delta]]    a symbol of GLOSSARY: coloured as in the drawings, and explained when it is pointed at or focused

Equations become MathML, by latex2mathml when the page is written. Browsers typeset MathML themselves.
"""

import json
import re
from html import escape
from importlib import resources

from latex2mathml.converter import convert

GLOSSARY: dict[str, tuple[str, str, str]] = json.loads(
    resources.files("exact.classroom").joinpath("page", "glossary.json").read_text(encoding="utf-8")
)
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
    return convert(inline or display, display="block" if display else "inline").replace("&#x02032;", "\N{PRIME}")


def _symbol(found: re.Match[str]) -> str:
    look, colour, meaning = GLOSSARY[found[1]]
    return f'<button type="button" class="symbol {colour}" data-meaning="{escape(meaning)}">{look}</button>'
