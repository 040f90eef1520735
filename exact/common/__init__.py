"""What the commands of all four packages share: options, errors, files, tables, figures, processes."""
