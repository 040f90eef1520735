"""An experiment: how often do sampled decisions err, on finite MDPs where the truth is known?

Source: Zhao, Li and Wen, arXiv 1911.11640, section 4.  SAMPLE (Algorithm 4.1), the estimates (4.1)-(4.5), the ratio
(4.14) and the rules (4.15)-(4.16) run on a finite MDP as they would in deep reinforcement learning.  The exact eta
stands beside each of them.  docs/sampled-ratio.md says what was found.

The files, in the order in which they read:

    sampler      SAMPLE: steps of many replications at once
    estimators   what a batch says: sums over it, and the estimates of a step's gain
    step         the step that a sampled surrogate asks for
    rules        the rules that accept or reject it
    batches      N steps with the policy of every replication
    evidence     what these and the trial's samples tell the rules
    algorithm    Algorithm 4.3, one round at a time
    curves       whole runs of it under every rule, at an equal budget
    decisions    single decisions of every rule, beside the true gain
    report       tables, JSON and figure
    __main__     the command `python -m verify.sampled`

Every array has an axis of R replications: independent copies that take their steps together.
"""
