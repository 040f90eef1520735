"""The torture of the live app."""

from tests.torture import app


def test_the_live_app_answers_its_own_user_only():
    for what, tried, held in app.run(1):
        assert held == tried, what
