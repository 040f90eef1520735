"""What several tests of the tables need."""

WALKER = (1000.0, 2000.0, 3000.0, 4000.0, 5000.0)
"""The returns of the runs on Walker2d in the fixture `runs`."""


def cells(markdown: str, task: str) -> list[str]:
    """The cells of the first row of `task`."""
    rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in markdown.splitlines())
    return next(row for row in rows if row[0] == task)
