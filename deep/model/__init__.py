"""Networks, policies and the critic."""
