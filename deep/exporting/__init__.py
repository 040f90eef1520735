"""A trained policy in formats that run without this project."""
