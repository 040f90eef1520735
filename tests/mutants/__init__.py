"""Mutation as a habit: small wrong versions of the project, and who notices them.

    python -m tests.mutants     try them all, and write docs/mutants.md

`mutants.toml` has the wrong versions, `catalogue` reads them, `warm` runs commands on a changed copy of the project.
"""
