"""What the commands of all packages share; knows nothing of MDPs or agents."""
