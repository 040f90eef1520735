"""Where finite MDPs come from: the library, random ones, gymnasium's tables, files."""
