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


def test_results_elsewhere_have_their_source_and_a_column():
    for number, columns in ((1, ["best mean elsewhere", "best single run elsewhere"]), (2, ["best known"])):
        table = read_table(number)
        assert list(table.elsewhere) == columns
        assert all(one.source and name in columns for task in table.tasks for name, one in task.elsewhere.items())
    cheetah = read_table(1).tasks[0].elsewhere["best mean elsewhere"]
    assert (cheetah.value, cheetah.std, cheetah.source) == (5784, 1244, "Tianshou PPO, 10 seeds")
