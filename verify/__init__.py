"""The theory of the STRO paper (Zhao, Li and Wen, arXiv 1911.11640), one statement file for each part of it.

    python -m verify.lemma34     one statement file: a table, and on request a figure and a JSON report
    python -m verify             all of them, and one summary page

Where to look:

    section2 algorithm31 divergence lemma32 lemma34 theorem35 radius_floor ladder trapezoid      about finite MDPs
    contraction counts termination inexact estimates rungs                  about policy improvement around the paper
    algorithm38 lemma36 lemma37 theorem38 joint                                              about Gaussian policies
    coq/        proofs that Coq checks
    core/       what all of them use: statements and verdicts, the checking, exact arithmetic, reports, figures
    tabular/    the runs of Algorithm 3.1 that are checked, one step with all its quantities, the falsifier's neighbours
    gaussian/   the mean steps that are checked, and their enclosure in ball arithmetic
    sampled/    an experiment of its own: how often sampled decisions are wrong where the truth is known

Every statement file follows one template.  A new one is a copy of `verify.ladder`, the shortest:

    docstring       what is claimed and under which assumptions; its source; the proof; whether it holds as printed,
                    and if not, the counterexample and the repair
    STATEMENTS      the inequalities, each a `verify.core.statement.Statement` of the form actual >= claimed
    claims(...)     yields both sides of every statement for one step. It serves floats and exact numbers alike.
                    Where `verify.core.statement.is_nontrivial` does not fit, a claim says itself when it is met
    check(options)  makes all checks that the command line asks for
    draw(checks)    draws them
    STUDY           title, module name, statements, class of the options, check and draw
    main(argv)      the command line

`verify.__main__` lists the files.  Formulas that other packages draw or measure are in `exact.bounds` and
`exact.gaussian.bounds`.  docs/theory.md has all proofs on one page.
"""

from exact.common.interrupts import quiet_while_importing

quiet_while_importing()
