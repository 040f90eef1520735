"""The verifier's benchmark, on problems that take no time."""

import pytest

from verify import speed


@pytest.mark.parametrize("way", [{"float_only": True}, {}])
def test_the_rate_counts_checked_iterations(way):
    row = speed.lemma34_rate(1, mdp=("cash-in",), instances=2, **way)
    assert row.measured.endswith(" iterations/s")
    assert float(row.measured.split()[0]) > 0
    assert row.reached


def test_bad_input_is_one_line(capsys):
    assert speed.main(["--huge"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
