"""The torture suite: what is tried on purpose to break the promises of the project, and how often they held."""
