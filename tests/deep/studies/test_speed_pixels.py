import time
from types import SimpleNamespace

from deep.studies import speed_pixels


def test_the_parts_of_an_iteration_sum_to_one_and_each_moment_is_counted_once():
    watch = speed_pixels.Stopwatch()
    owner = SimpleNamespace(inner=lambda: time.sleep(0.02))
    owner.outer = lambda: (time.sleep(0.01), owner.inner())
    watch.watch(owner, "inner", "inner")
    watch.watch(owner, "outer", "outer")
    owner.outer()
    assert list(watch.seconds) == ["outer"]
    owner.inner()
    assert watch.seconds["outer"] >= 0.03
    assert watch.seconds["inner"] >= 0.02
    rows = speed_pixels.share_table({"networks": 0.8, "everything else": 0.2}).rows
    assert rows[1] == ("everything else", "20.0%", "under 10%", "missed")
