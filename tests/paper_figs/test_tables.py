"""The cells and notes that all tables share."""

import pytest

from paper_figs.results import read_run
from paper_figs.tables import number, provenance


@pytest.mark.parametrize(("value", "cell"), [(99.94, "99.9"), (100.4, "100"), (-0.25, "-0.2"), (-3512.6, "-3513")])
def test_decimals_are_shown_below_100_only(value, cell):
    assert number(value) == cell


def test_a_recorded_command_has_placeholders_and_its_present_name(make_run):
    run = read_run(
        make_run("Hopper-v4", 3, 1.0, variant="x", command="python -m deep.peer --seed 3 --env Hopper-v4 --out a/b")
    )
    runs, command, versions = provenance([run])
    assert runs == "1 run of 1,000 steps; seed 3; 0.0 hours."
    assert (
        "`python -m deep.studies.peers --seed SEED --env ENV --out DIR` (recorded under its former name, `deep.peer`)"
        in command
    )
    assert versions == "Versions: torch 2.13."


def test_a_variant_of_several_commands_names_each_with_its_tasks(make_run):
    words = {"Hopper-v4": "--steps 10", "Ant-v4": "--steps 10", "Swimmer-v4": "--steps 99"}
    runs = [
        read_run(make_run(env, seed, 1.0, command=f"python -m deep.train --env {env} --seed {seed} {steps}"))
        for env, steps in words.items()
        for seed in (0, 1)
    ]
    _, *commands, _ = provenance(runs)
    assert commands == [
        f"Command of `default` on {envs}, with the environment and seed of a run: "
        f"`python -m deep.train --env ENV --seed SEED {steps}`."
        for envs, steps in (("Hopper-v4, Ant-v4", "--steps 10"), ("Swimmer-v4", "--steps 99"))
    ]
