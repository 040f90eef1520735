"""RL Baselines3 Zoo's settings by task."""

import pytest

from deep.studies.zoo import SHARED, TABLES, recipe


def test_a_task_has_its_own_settings_whatever_the_version():
    swimmer, cheetah = recipe("sb3-trpo", "Swimmer-v4"), recipe("sb3-trpo", "HalfCheetah-v5")
    assert (swimmer.arguments["gamma"], cheetah.arguments["target_kl"], swimmer.environments) == (0.9999, 0.04, 2)
    assert recipe("sb3-ppo", "Reacher-v4").source.endswith("hyperparams/ppo.yml, Reacher-v2")


def test_off_policy_methods_explore_by_their_own_noise_and_normalise_nothing():
    td3, sac = recipe("sb3-td3", "Ant-v4"), recipe("sb3-sac", "Ant-v4")
    assert (td3.noise, td3.normalize, sac.noise) == (0.1, False, 0.0)
    assert "noise_std" not in td3.arguments
    assert [recipe("sb3-ppo", "Ant-v4", normalize).normalize for normalize in (True, False)] == [True, False]


@pytest.mark.parametrize("method", TABLES)
def test_a_task_that_the_zoo_does_not_list_has_the_shared_settings(method):
    assert SHARED in recipe(f"sb3-{method}", "Pusher-v4").source
    assert recipe(f"sb3-{method}", "Pusher-v4").arguments.keys() <= TABLES[method][SHARED].keys()
