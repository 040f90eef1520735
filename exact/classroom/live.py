"""The live classroom: a marimo app whose sliders rerun Algorithm 3.1 through `exact` and redraw the classroom page.

Start it with `python -m exact.classroom --live`, which serves it on the loopback address. Beside the sliders stands the
page of `exact.classroom.lesson`, so both show the same drawings of the same numbers.
"""

# marimo reads a cell's arguments and its last expression. So the cells have no annotations and end in an expression:
# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# ruff: noqa: B018, D103

import marimo

app = marimo.App(width="full", app_title="Trust-region classroom")

with app.setup:
    from dataclasses import replace
    from html import escape

    import marimo as mo

    from exact.classroom.counterexamples import counterexamples
    from exact.classroom.lesson import STORY, TEXTBOOK, page
    from exact.classroom.scene import RunSettings, scene
    from exact.classroom.server import check_named, given
    from exact.common.errors import InputError
    from exact.controller import ControllerSettings
    from exact.mdps.library import load


@app.cell
def menu():
    own = given()
    named = mo.ui.dropdown([*own, *(name for name in STORY if name not in own)], value=[*own, *STORY][0], label="MDP")
    other = mo.ui.text(
        placeholder="garnet:S=20,A=4,b=3,gamma=0.9,seed=7 or mdp.json", label="or a file", full_width=True
    )
    return named, other


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
def problem(named, other):
    try:
        mdp, refused = load(check_named(other.value.strip() or named.value)), None
    except InputError as error:
        mdp, refused = load(STORY[0]), str(error)
    return mdp, refused


@app.cell
def discounting(mdp):
    discount = mo.ui.slider(
        0, 0.999, 0.001, round(mdp.discount, 3), label=r"$\gamma$, discount", show_value=True, debounce=True
    )
    return (discount,)


@app.cell
def panels():
    gaussian = counterexamples()
    return (gaussian,)


@app.cell
def controls(beta0, beta1, discount, first_radius, gamma1, gamma2, gamma3, named, other, uniform_share):
    mo.sidebar(
        [named, other, discount, first_radius, beta0, beta1, gamma1, gamma2, gamma3, uniform_share], width="340px"
    )
    return


@app.cell
def drawing(beta0, beta1, discount, first_radius, gamma1, gamma2, gamma3, gaussian, mdp, refused, uniform_share):
    mo.stop(refused is not None, mo.callout(refused, kind="danger"))
    try:
        constants_now = ControllerSettings(beta0.value, beta1.value, gamma1.value, gamma2.value, gamma3.value)
        run_now = RunSettings(constants_now, first_radius.value, uniform_share.value)
        source = escape(page([scene(replace(mdp, discount=discount.value), run_now)], gaussian))
        shown = mo.Html(f'<iframe srcdoc="{source}" style="width:100%; height:calc(100vh - 3rem); border:0"></iframe>')
    except InputError as error:
        shown = mo.callout(str(error), kind="danger")
    shown
    return


if __name__ == "__main__":
    app.run()
