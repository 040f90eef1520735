"""The paper's tables are read completely, and returns are put on their scale."""

from paper_figs.paper import normalised, read_table


def test_random_actions_are_zero_and_the_papers_stro_one():
    reacher = next(task for task in read_table(1).tasks if task.task == "Reacher")
    random_policy = {"Reacher-v4": -44.0}
    scores = [normalised(value, reacher, random_policy) for value in (-44.0, -24.0, -4.0)]
    assert scores == [0.0, 0.5, 1.0]


def test_the_papers_tables_are_complete():
    table = read_table(1)
    assert len(table.tasks) == 9
    by_task = {task.task: task for task in table.tasks}
    assert by_task["Walker2d"].scores["STRO"] == (5849, 2063)
    assert by_task["Humanoid"].env == "Humanoid-v4"
