"""Tables as data: drawn on a terminal, Markdown everywhere else."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from exact.common.files import write

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as DrawnTable

TABLE_SUFFIXES = (".csv", ".md", ".tex")
"""Endings of the files that a table is written to: comma-separated values, Markdown, LaTeX."""


@dataclass(frozen=True)
class Table:
    """A table of text with a title above and notes below."""

    title: str
    header: tuple[str, ...]
    """One word for every column."""
    rows: tuple[tuple[str, ...], ...]
    """As many cells in every row as the header has."""
    notes: tuple[str, ...] = ()
    styles: tuple[str | None, ...] = ()
    """A rich style for every row, such as "dim" or "red"; none at all for a plain table. Markdown has no styles."""
    right: frozenset[int] = frozenset()
    """Columns whose cells stand at the right, such as numbers; counted from 0."""

    def markdown(self, aligned: bool = False) -> str:
        """The table as Markdown; `aligned` fills the cells with blanks, so that the columns stand below each other."""
        header, rows, widths = self.header, self.rows, [3] * len(self.header)
        if aligned:
            widths = [max(3, *map(len, column)) for column in zip(header, *rows, strict=True)]
            header = self._filled(header, widths)
            rows = tuple(self._filled(row, widths) for row in rows)
        rule = ("-" * (width - 1) + (":" if i in self.right else "-") for i, width in enumerate(widths))
        lines = map(markdown_row, (header, tuple(rule), *rows))
        return "\n".join((f"## {self.title}", "", *lines, "", *(f"- {note}" for note in self.notes), ""))

    def csv(self) -> str:
        """Header and rows as comma-separated values; no title and no notes."""
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([self.header, *self.rows])
        return stream.getvalue()

    def latex(self) -> str:
        """The table as LaTeX's tabular, to be put into a document as it is."""
        columns = "".join("r" if i in self.right else "l" for i in range(len(self.header)))
        lines = [" & ".join(map(latex_text, row)) + r" \\" for row in (self.header, *self.rows)]
        body = [lines[0], r"\hline", *lines[1:]]
        return "\n".join([f"% {self.title}", rf"\begin{{tabular}}{{{columns}}}", *body, r"\end{tabular}", ""])

    def written(self, suffix: str) -> str:
        """The table in the format of a file's ending, one of TABLE_SUFFIXES."""
        return {".csv": self.csv, ".md": self.markdown, ".tex": self.latex}[suffix]()

    def _filled(self, row: tuple[str, ...], widths: Sequence[int]) -> tuple[str, ...]:
        """The cells of a row, filled with blanks to the widths of the columns."""
        cells = enumerate(zip(row, widths, strict=True))
        return tuple(text.rjust(width) if i in self.right else text.ljust(width) for i, (text, width) in cells)

    def drawn(self) -> "DrawnTable":
        """The table as rich draws it, without the notes. Brackets in a text are text, not markup."""
        from rich.table import Table as DrawnTable
        from rich.text import Text

        drawn = DrawnTable(title=Text(self.title), title_justify="left")
        for i, heading in enumerate(self.header):
            drawn.add_column(Text(heading), justify="right" if i in self.right else "left")
        for row, style in zip(self.rows, self.styles or [None] * len(self.rows), strict=True):
            drawn.add_row(*map(Text, row), style=style)
        return drawn

    def show(self, console: "Console | None" = None) -> None:
        """Print the table on the console (standard output by default): drawn on a terminal, as Markdown elsewhere."""
        from rich.console import Console

        console = console or Console()
        if not console.is_terminal:
            print(self.markdown(aligned=True), file=console.file)
            return
        console.print(self.drawn())
        for note in self.notes:
            console.print(f"- {note}", markup=False, highlight=False)


def publish(tables: Sequence[Table], out: Path | None) -> None:
    """Show the tables. If `out` is given, write them there as Markdown and say so."""
    for table in tables:
        table.show()
    if out is not None:
        write(out, "\n".join(table.markdown() for table in tables))
        print(f"wrote {out}")


def latex_text(text: str) -> str:
    """The text with LaTeX's own characters written as text."""
    names = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    return "".join(names.get(c, f"\\{c}" if c in "&%$#_{}" else c) for c in text)


def counted(n: int, noun: str) -> str:
    """The number and its noun: "1 MDP", "2 MDPs"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def markdown_row(texts: tuple[str, ...]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
