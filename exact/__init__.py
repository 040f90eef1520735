"""STRO on finite MDPs: the subproblem (3.6) solved exactly, and Algorithm 3.1 around it."""
