"""The live classroom: a marimo app whose controls rerun Algorithm 3.1 through `exact` and redraw the classroom page.

Start it with `python -m exact.classroom --live`, which serves it on the loopback address. The problem is one of the
library, a file, or one's own: a grid world that is painted, or a table of two states. Beside the controls stands the
page of `exact.classroom.lesson`, so both show the same drawings of the same numbers.
"""

# marimo reads a cell's arguments and its last expression. So the cells have no annotations and end in an expression:
# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: B018, D103

import marimo

app = marimo.App(width="full", app_title="Trust-region classroom", css_file="page/live.css")

with app.setup:
    from dataclasses import replace
    from html import escape

    import marimo as mo

    from exact.classroom.counterexamples import counterexamples
    from exact.classroom.lesson import STORY, TEXTBOOK, page
    from exact.classroom.numbers import Numbers
    from exact.classroom.painter import Painter
    from exact.classroom.scene import RunSettings, scene
    from exact.classroom.server import check_named, given
    from exact.common.errors import InputError
    from exact.controller import ControllerSettings
    from exact.mdps.drawn import Pay, grid_world, two_states
    from exact.mdps.library import load

    LIBRARY, MAP, TABLE = "library or file", "own grid world", "own two states"
    OWN_DISCOUNT = 0.9  # before the slider is moved


@app.cell
def menu():
    own = given()
    source = mo.ui.radio([LIBRARY, MAP, TABLE], value=LIBRARY, label="Problem")
    named = mo.ui.dropdown([*own, *(name for name in STORY if name not in own)], value=[*own, *STORY][0], label="Name")
    other = mo.ui.text(
        placeholder="garnet:S=20,A=4,b=3,gamma=0.9,seed=7 or mdp.json", label="or a file", full_width=True
    )
    return named, other, source


@app.cell
def painting():
    painter = mo.ui.anywidget(Painter())
    moves = ["A step", "A goal", "A pit"]
    pay = mo.ui.anywidget(Numbers(rows=moves, columns=["pays"], values=[[Pay.step], [Pay.goal], [Pay.pit]]))
    slip = mo.ui.slider(0, 1, 0.05, 0, label="Slips to a side", show_value=True, debounce=True)
    return painter, pay, slip


@app.cell
def tabulating():
    example = load(STORY[0])
    pairs = [(s, a) for s in (0, 1) for a in (0, 1)]
    numbers = [[*example.transitions[s, a], example.rewards[s, a]] for s, a in pairs] + [[*example.initial]]
    rows = [*(f"s={s}, a={a}" for s, a in pairs), "start"]
    values = [[round(float(number), 12) for number in row] for row in numbers]
    table = mo.ui.anywidget(Numbers(rows=rows, columns=["to 0", "to 1", "pays"], values=values, step=0.05))
    return (table,)


@app.cell
def constants():
    run, controller = TEXTBOOK, TEXTBOOK.controller

    def slider(low, high, value, label, step=0.01):
        return mo.ui.slider(low, high, step, value, label=label, show_value=True, debounce=True)

    first_radius = slider(0.001, 1, run.first_radius, r"$\delta_0$ as a share of $1/(1-\gamma)$", 0.001)
    beta0 = slider(0.01, 0.98, controller.beta0, r"$\beta_0$, accept")
    beta1 = slider(0.02, 0.99, controller.beta1, r"$\beta_1$, enlarge")
    gamma1 = slider(1.05, 4, controller.gamma1, r"$\gamma_1$, after a very good step", 0.05)
    gamma2 = slider(0.05, 1, controller.gamma2, r"$\gamma_2$, after an accepted step", 0.05)
    gamma3 = slider(0.05, 0.95, controller.gamma3, r"$\gamma_3$, after a rejected step", 0.05)
    uniform_share = slider(0, 0.95, run.uniform_share, "uniform share of the start", 0.05)
    return beta0, beta1, first_radius, gamma1, gamma2, gamma3, uniform_share


@app.cell
def listing(named, other):
    try:
        listed, unlisted = load(check_named(other.value.strip() or named.value)), None
    except InputError as error:
        listed, unlisted = load(STORY[0]), str(error)
    return listed, unlisted


@app.cell
def discounting(listed, source):
    first = round(listed.discount, 3) if source.value == LIBRARY else OWN_DISCOUNT
    discount = mo.ui.slider(0, 0.999, 0.001, first, label=r"$\gamma$, discount", show_value=True, debounce=True)
    return (discount,)


@app.cell
def problem(discount, listed, painter, pay, slip, source, table, unlisted):
    mdp, layout, refused = None, None, unlisted if source.value == LIBRARY else None
    try:
        if source.value == MAP:
            paid = Pay(*(row[0] for row in pay.values))
            mdp, layout = grid_world(painter.rows, paid, slip.value, discount.value, MAP)
        elif source.value == TABLE:
            *pairs_now, start = table.values
            chances = [p for row in pairs_now for p in row[:2]]
            mdp = two_states(chances, [row[2] for row in pairs_now], start, discount.value, TABLE)
        else:
            mdp = replace(listed, discount=discount.value)
    except InputError as error:
        refused = str(error)
    return layout, mdp, refused


@app.cell
def panels():
    gaussian = counterexamples()
    return (gaussian,)


@app.cell
def controls(
    beta0,
    beta1,
    discount,
    first_radius,
    gamma1,
    gamma2,
    gamma3,
    named,
    other,
    painter,
    pay,
    slip,
    source,
    table,
    uniform_share,
):
    chosen = {LIBRARY: [named, other], MAP: [painter, pay, slip], TABLE: [table]}[source.value]
    constants_shown = [discount, first_radius, beta0, beta1, gamma1, gamma2, gamma3, uniform_share]
    mo.sidebar([source, *chosen, *constants_shown], width="340px")
    return


@app.cell
def drawing(beta0, beta1, first_radius, gamma1, gamma2, gamma3, gaussian, layout, mdp, refused, uniform_share):
    mo.stop(refused is not None, mo.callout(refused, kind="danger"))
    try:
        constants_now = ControllerSettings(beta0.value, beta1.value, gamma1.value, gamma2.value, gamma3.value)
        run_now = RunSettings(constants_now, first_radius.value, uniform_share.value)
        source_now = escape(page([scene(mdp, run_now, layout)], gaussian))
        shown = mo.Html(f'<iframe title="The classroom" srcdoc="{source_now}"></iframe>')
    except InputError as error:
        shown = mo.callout(str(error), kind="danger")
    shown
    return


if __name__ == "__main__":
    app.run()
