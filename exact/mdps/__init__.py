"""Where finite MDPs come from: the library of named ones, random ones, gymnasium's tables, files."""
