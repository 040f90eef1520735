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
