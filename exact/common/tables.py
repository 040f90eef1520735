"""Tables as data, shown on a terminal or written as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from exact.common.files import write


@dataclass(frozen=True)
class Table:
    """A titled table of text with notes below it."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...]

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [f"## {self.title}", ""]
        for row in (self.header, ("---",) * len(self.header), *self.rows):
            lines.append(markdown_row(row))
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), ""])

    def show(self, console: Console) -> None:
        """Print the table: drawn on a terminal, as Markdown elsewhere."""
        if not console.is_terminal:
            print(self.markdown())
            return
        drawn = RichTable(*self.header, title=self.title)
        for row in self.rows:
            drawn.add_row(*row)
        console.print(drawn)
        for note in self.notes:
            console.print(f"- {note}", markup=False, highlight=False)


def publish(tables: Sequence[Table], out: Path | None) -> None:
    """Show the tables and, if `out` is given, write them there as Markdown."""
    console = Console()
    for table in tables:
        table.show(console)
    if out is not None:
        write(out, "\n".join(table.markdown() for table in tables))
        console.print(f"wrote {out}")


def markdown_row(texts: tuple[str, ...]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(text.replace("|", "\\|") for text in texts) + " |"
