from deep.metrics import summary


def test_summary_is_the_papers_measure():
    entries = [{"steps": 9, "seconds": 1.0, "episodes": [[1, float(r), 1] for r in range(150)]}]
    entries += [{"steps": 10, "seconds": 2.0, "episodes": [[1, 0.0, 1]] * 100}]
    got = summary(entries)
    assert (got["max100"], got["final100"], got["steps"], got["status"]) == (99.5, 0.0, 10, "finished")
    assert summary([entries[0] | {"episodes": []}])["max100"] is None
