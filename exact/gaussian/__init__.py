"""Gaussian policies on a finite state set, section 3.2 of the paper: exact values, steps, Algorithm 3.1."""
