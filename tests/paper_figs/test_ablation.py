"""The ablation from synthetic runs: what each variant changes, and which tasks are compared."""

import numpy as np

from paper_figs import ablation
from tests.paper_figs.cases import cells


def test_ablation_says_what_each_variant_changes(runs, make_run, tmp_path):
    make_run("Walker2d-v4", 0, 1500.0, variant="no-rejection", controller={"beta0": -9.0})
    make_run("Walker2d-v4", 1, 2500.0, variant="no-rejection", controller={"beta0": -9.0})
    out = tmp_path / "ablation.md"
    assert ablation.main(["--runs", str(runs), "--out", str(out)]) == 0
    default, variant = cells(out.read_text(), "default"), cells(out.read_text(), "no-rejection")
    assert default[:3] == ["default", "nothing", "3000±1581 [1333, 4667] (5)"]
    assert variant[:3] == ["no-rejection", "controller.beta0=-9.0", "2000±707 [1500, 2500] (2)"]
    assert variant[3].startswith("0.34 [")
    assert "- Command of `default`, " in out.read_text()
    assert "- Command of `no-rejection`, " in out.read_text()


def test_a_variant_of_another_preset_is_told_from_that_preset(runs, make_run, tmp_path):
    for variant, beta0 in (("paper", -7.0), ("paper-beta0", -9.0)):
        make_run("Walker2d-v4", 0, 1500.0, variant=variant, preset="paper", controller={"beta0": beta0})
    out = tmp_path / "ablation.md"
    assert ablation.main(["--runs", str(runs), "--out", str(out)]) == 0
    assert cells(out.read_text(), "paper")[1] == "the preset `paper`"
    assert cells(out.read_text(), "paper-beta0")[1] == "the preset `paper`, controller.beta0=-9.0"


def test_a_record_older_than_a_setting_has_the_value_that_leaves_it_out(runs, make_run, tmp_path):
    later = {"window": 0, "discounted": False, "gain_units": "reward"}
    make_run("Walker2d-v4", 0, 1500.0, variant="later", radius=later, env_kwargs={}, wrapper=None)
    out = tmp_path / "ablation.md"
    assert ablation.main(["--runs", str(runs), "--out", str(out)]) == 0
    assert cells(out.read_text(), "later")[1] == "radius.gain_units=reward"


def test_the_ablation_is_on_the_tasks_that_all_variants_share(runs, make_run, tmp_path):
    for env, variant in (("Walker2d-v4", "one"), ("Walker2d-v4", "other"), ("Hopper-v4", "other")):
        make_run(env, 0, 1500.0, variant=variant, controller={"beta0": -9.0})
    assert ablation.main(["--runs", str(runs), "--out", str(tmp_path / "ablation.md")]) == 0
    header = cells((tmp_path / "ablation.md").read_text(), "variant")
    assert header == ["variant", "what differs from `default`", "Walker2d", "all tasks"]


def test_a_row_of_the_ablation_does_not_depend_on_the_others(runs, make_run, tmp_path):
    out = tmp_path / "ablation.md"

    def no_rejection() -> list[str]:
        ablation.main(["--runs", str(runs), "--out", str(out)])
        return cells(out.read_text(), "no-rejection")

    for seed, value in enumerate(np.geomspace(1000.0, 9000.0, 12).tolist()):
        make_run("Walker2d-v4", seed, value, variant="no-rejection", controller={"beta0": -9.0})
    alone = no_rejection()
    for seed, value in enumerate((2600.0, 3300.0, 4800.0)):
        make_run("Walker2d-v4", seed, value, variant="fixed", controller={"beta0": -8.0})
    assert no_rejection() == alone


def test_ablation_without_a_second_variant_is_refused(runs, refused):
    assert "nothing to compare" in refused(ablation.main, "--runs", runs)
