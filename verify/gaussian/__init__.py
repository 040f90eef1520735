"""Steps of Gaussian policies, enclosed in ball arithmetic."""
