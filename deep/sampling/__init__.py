"""Environments and the rollouts that are drawn in them."""
