"""The test suite; it mirrors the packages."""

HANG_SECONDS = 300
"""When a test gives up on another process: it is to notice one that hangs, not to time one on a busy machine."""
