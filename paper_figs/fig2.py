"""The paper's Figure 2: learning curves on Table 1's nine tasks without normalised observations and rewards.

    python -m deep.benchmark --preset paper --variant paper-no-normalize --envs ... -- --no-normalize
    python -m paper_figs.fig2 [--runs DIR ...] [--variants paper-no-normalize] [--out figures/fig2.png]

The paper prints no numbers for this protocol; the dotted lines are Table 1's, for orientation.
"""

from functools import partial

from paper_figs.cli import run
from paper_figs.curves import main as draw_figure

main = partial(
    draw_figure,
    figure="fig2",
    description="Figure 2: learning curves without normalisation.",
    variants=("paper-no-normalize",),
)

if __name__ == "__main__":
    run(main)
