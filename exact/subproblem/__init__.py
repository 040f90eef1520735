"""Solvers of the trust-region subproblem (3.6): one signature, one result, each with a certificate."""
