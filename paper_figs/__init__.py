"""Tables and figures of the STRO paper beside ours.

Three layers: data (`results`, `paper`), statistics (`aggregates`), presentation (`tables`, `drawing`). On top stand the
commands, one for each table and figure: `table1`, `table2`, `fig1`, `fig2`, `fig3`, `fig4`, `ablation`, `peers`. The
commands `collect`, `last_policies` and `random_policy` write the files under `paper_figs/data` that the others read.
"""

from exact.common.interrupts import quiet_while_importing

quiet_while_importing()
