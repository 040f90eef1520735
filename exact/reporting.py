"""What a run found, for readers: the policy and its values as a table, and a page about one MDP."""

import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from exact.common.tables import Table
from exact.evaluation import Evaluation
from exact.mdp import MDP, Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_STATES = 500
"""A page shows at most so many states; a table has all."""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  :root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }}
  body {{ max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }}
  .scroll {{ overflow-x: auto; }}
  table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
  th, td {{ padding: .15rem .7rem; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }}
  th {{ text-align: left; }}
  .number {{ text-align: right; white-space: nowrap; }}
  figure {{ margin: 0; background: white; }}
  svg {{ max-width: 100%; height: auto; }}
</style>
<h1>{title}</h1>
{body}
</html>
"""


def policy_table(mdp: MDP, policy: Array, values: Evaluation, digits: int | None = 6) -> Table:
    """One row for every state: its label, V, rho, max A, and pi(a|s) of every action; "-" where there is no action.

    Args:
        mdp: the MDP.
        policy: shape (S, A).
        values: its evaluation.
        digits: significant digits of the numbers; None: as many as give the float64 back.
    """

    def shown(x: float) -> str:
        return repr(float(x)) if digits is None else f"{float(x):.{digits}g}"

    rows = []
    for s in range(mdp.n_states):
        numbers = (values.V[s], values.rho[s], values.A[s].max())
        has = [True] * mdp.n_actions if mdp.available is None else mdp.available[s]
        chances = [shown(policy[s, a]) if has[a] else "-" for a in range(mdp.n_actions)]
        rows.append((mdp.state_label(s), *map(shown, numbers), *chances))
    header = ("state", "V", "rho", "max A", *(f"pi({mdp.action_label(a)})" for a in range(mdp.n_actions)))
    title = f"policy for {mdp.name}, discount {mdp.discount!r}"
    return Table(title, header, tuple(rows), right=frozenset(range(1, len(header))))


def page(mdp: MDP, facts: Sequence[str], figure: "Figure", tables: Sequence[Table]) -> str:
    """An HTML page without scripts: what was found, the figure, and the tables, cut to SHOWN_STATES rows.

    Args:
        mdp: the MDP.
        facts: sentences about the run.
        figure: its convergence.
        tables: policy and values, trials, bounds.
    """
    drawn = io.StringIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None})
    svg = drawn.getvalue()
    body = ["<ul>", *(f"<li>{escape(fact)}</li>" for fact in (repr(mdp), *facts)), "</ul>"]
    body += ["<h2>Convergence and bounds</h2>", f"<figure>{svg[svg.index('<svg') :]}</figure>"]
    for table in tables:
        body += [f"<h2>{escape(table.title)}</h2>", '<div class="scroll">', _html(table), "</div>"]
        body += [f"<p>{escape(note)}</p>" for note in table.notes]
        if len(table.rows) > SHOWN_STATES:
            body.append(f"<p>{len(table.rows) - SHOWN_STATES} more rows are not shown.</p>")
    return PAGE.format(title=escape(mdp.name), body="\n".join(body))


def _html(table: Table) -> str:
    """The first rows of a table as HTML."""
    kinds = [' class="number"' if i in table.right else "" for i in range(len(table.header))]
    cells = zip(table.header, kinds, strict=True)
    lines = [
        "<table>",
        "<tr>" + "".join(f'<th scope="col"{kind}>{escape(text)}</th>' for text, kind in cells) + "</tr>",
    ]
    for row in table.rows[:SHOWN_STATES]:
        lines.append(
            "<tr>" + "".join(f"<td{k}>{escape(text)}</td>" for text, k in zip(row, kinds, strict=True)) + "</tr>"
        )
    return "\n".join([*lines, "</table>"])
