"""The STRO agent: Algorithm 4.3 with Gaussian and categorical policies."""
