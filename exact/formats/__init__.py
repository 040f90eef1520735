"""File formats of other tools: PRISM's explicit files, Storm's .drn, UMB, and Cassandra's text; one module for each.

A module has `read(path, given) -> (MDP, notes)` and `write(mdp, path, fractions) -> notes`.  A note is one line about
what the format, or the MDP type, does not hold.
"""
