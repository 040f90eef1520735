"""The runs of Algorithm 3.1 on finite MDPs whose steps are checked: what they are, and what is computed at a step."""
