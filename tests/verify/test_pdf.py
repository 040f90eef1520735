"""The PDF of the page of the theory: it is made, from the page as it is, and needs no font of the machine."""

import sys
from pathlib import Path

import pytest

from verify.pdf import html, main, style

PAGE = Path(__file__).parents[2] / "docs" / "theory.md"


@pytest.mark.filterwarnings("ignore:HarfBuzz-Subset will be required")  # a system's package, not needed yet
def test_the_page_becomes_a_pdf(tmp_path):
    """A part of it, since the whole page takes some seconds."""
    text = PAGE.read_text()
    short = tmp_path / "page.md"
    short.write_text(text[: text.index("## 2.")] + text[text.index("## 16.") :])
    out = tmp_path / "theory.pdf"
    assert main(["--page", str(short), "--out", str(out)]) == 0
    content = out.read_bytes()
    assert content.startswith(b"%PDF-")
    assert len(content) > 20_000


def test_formulas_are_readable():
    made = html("π_k(a|s) and μ_{k+1}, e^{½} < λ^τ, `shared_sigma`, [a link](exact.md), [arXiv](https://arxiv.org)")
    assert "π<sub>k</sub>(a|s) and μ<sub>k+1</sub>, e<sup>½</sup> &lt; λ<sup>τ</sup>" in made
    assert "<code>shared_sigma</code>" in made
    assert "exact.md" not in made
    assert '<a href="https://arxiv.org">' in made


def test_every_letter_of_the_page_is_in_the_fonts():
    """An empty box in a formula would be a wrong formula."""
    from fontTools.ttLib import TTFont

    fonts = [part.partition(")")[0] for part in style().split("url(file://")[1:]]
    covered = set.intersection(*(set(TTFont(fonts[i]).getBestCmap()) for i in (0, 1)))
    assert {letter for letter in PAGE.read_text() if ord(letter) > 127 and ord(letter) not in covered} == set()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--page", "nowhere.md"], "cannot read the page nowhere.md"),
        (["--out", "nowhere/theory.pdf"], "cannot write nowhere/theory.pdf"),
    ],
)
def test_bad_input_is_one_line(words, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "figures").mkdir()
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_without_weasyprint_it_says_what_to_install(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    assert main(["--page", str(PAGE), "--out", str(tmp_path / "theory.pdf")]) == 2
    assert "pip install 'stro[pdf]'" in capsys.readouterr().err
