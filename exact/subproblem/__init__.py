"""Solvers of the trust-region subproblem (3.6): one signature and one result (`step`), a file for each way to solve."""
