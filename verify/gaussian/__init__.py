"""The mean steps of Gaussian policies that are checked: what they are, and their enclosure in ball arithmetic."""
