"""Runs of Algorithm 3.1 on finite MDPs whose steps are checked."""
