"""Measurements of the agent and of its peers."""
