"""docs/theory.md as a PDF: the page of the theory to print and to send, made from the same source.

    python -m verify.pdf [--page docs/theory.md] [--out figures/theory.pdf]

markdown-it-py reads the page and WeasyPrint sets it, in the fonts that come with matplotlib, which have all letters of
the formulas.  So the result does not depend on the fonts of the machine.  WeasyPrint needs the system library Pango.
"""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from exact.common import cli
from exact.common.errors import InputError
from exact.common.files import atomic_write, check_writable, reason

FONTS = {"Text": "DejaVuSerif", "Heading": "DejaVuSans", "Code": "DejaVuSansMono"}
STYLES = {"": "", "-Bold": "font-weight: bold", "-Italic": "font-style: italic", "-Oblique": "font-style: italic"}
"""Endings of the font files, and what they are for."""
STYLE = """
@page { size: A4; margin: 20mm 18mm; @bottom-center { content: counter(page); font: 8pt Heading } }
body { font: 9.5pt/1.4 Text; text-align: justify; hyphens: auto }
h1, h2, h3 { font-family: Heading; line-height: 1.2; text-align: left; break-after: avoid }
h1 { font-size: 18pt } h2 { font-size: 13pt; margin-top: 1.6em } h3 { font-size: 11pt }
table { border-collapse: collapse; font-size: 8pt; text-align: left; hyphens: manual; margin: 1em 0 }
th, td { border-bottom: .4pt solid #999; padding: .25em .5em; vertical-align: top }
th { border-bottom-color: black; font-family: Heading }
tr { break-inside: avoid }
code { font: 8pt Code; overflow-wrap: anywhere }
img { max-width: 100% }
sub, sup { font-size: 70%; line-height: 0 }
"""


INDEX = re.compile(r"_(?:{(.*?)}|(\w))")
EXPONENT = re.compile(r"\^(?:{(.*?)}|(\w))")
"""How the page writes them."""


@dataclass(frozen=True)
class Options:
    """Make a PDF of the page of the theory.

    Exit status: 0 done, 2 bad input.
    """

    page: Path = Path("docs/theory.md")
    """The page, in Markdown. Its pictures are looked for beside it."""
    out: Path = Path("figures/theory.pdf")
    """The PDF. Its folder has to exist."""

    def __post_init__(self) -> None:
        check_writable(self.out)


def html(text: str) -> str:
    """The page in HTML, for a PDF that goes alone: x_k and x_{k+1} get real indices, links to other files are text."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(text)
    for token in (inner for outer in tokens for inner in outer.children or ()):
        if token.type == "link_open" and ":" not in str(token.attrs["href"]):
            token.attrs = {}
        if token.type == "text":
            lower = INDEX.sub(r"<sub>\1\2</sub>", escape(token.content))
            token.type, token.content = "html_inline", EXPONENT.sub(r"<sup>\1\2</sup>", lower)
    return str(parser.renderer.render(tokens, parser.options, {}))


def style() -> str:
    """The style sheet with the fonts of matplotlib."""
    import matplotlib as mpl

    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    faces = (
        f"@font-face {{ font-family: {family}; src: url({file.as_uri()}); {how} }}"
        for family, name in FONTS.items()
        for ending, how in STYLES.items()
        if (file := folder / f"{name}{ending}.ttf").exists()
    )
    return "\n".join((*faces, STYLE))


def pdf(text: str, folder: Path) -> bytes:
    """The page as a PDF.

    Args:
        text: Markdown.
        folder: where its pictures are.

    Raises:
        InputError: WeasyPrint is not installed, or does not find the library Pango.
    """
    try:
        from weasyprint import HTML
    except (ImportError, OSError) as error:
        raise InputError(f"a PDF needs WeasyPrint (pip install 'stro[pdf]') and Pango: {error}") from None
    page = f"<html lang=en><style>{style()}</style><body>{html(text)}"
    content: bytes = HTML(string=page, base_url=folder.resolve().as_uri() + "/").write_pdf()
    return content


def work(options: Options) -> int:
    """Read the page and write the PDF; returns the exit status."""
    try:
        text = options.page.read_text()
    except (OSError, UnicodeDecodeError) as error:
        what = reason(error) if isinstance(error, OSError) else "it is no text"
        raise InputError(f"cannot read the page {options.page}: {what}") from None
    atomic_write(options.out, pdf(text, options.page.parent))
    print(f"written: {options.out}")
    return cli.DONE


def main(argv: Sequence[str] | None = None) -> int:
    """The command line."""
    return cli.main(Options, "verify.pdf", work, argv)


if __name__ == "__main__":
    sys.exit(main())
