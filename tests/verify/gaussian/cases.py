"""What the tests of the Gaussian statements share."""

from verify.gaussian.balls import Effort
from verify.gaussian.runs import check_step

EFFORT = Effort(64, 64)


def verdicts(lemma, instance, delta, float_only=False):
    checks = check_step(lemma, instance, delta, float_only, "here")
    return {check.statement: check for check in checks}
