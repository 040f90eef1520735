"""The paper's Figure 1: learning curves on Table 1's nine tasks.

python -m paper_figs.fig1 [--runs DIR ...] [--variants default paper] [--out figures/fig1.png]
"""

from functools import partial

from paper_figs.cli import run
from paper_figs.curves import main as draw_figure

main = partial(
    draw_figure, figure="fig1", description="Figure 1: learning curves on Table 1.", variants=("default", "paper")
)

if __name__ == "__main__":
    run(main)
