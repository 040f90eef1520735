"""A sample of the torture of the model readers."""

from tests.torture import models


def test_every_model_file_is_read_or_refused_in_one_line():
    for what, tried, held in models.run(0.3):
        assert held == tried, what
