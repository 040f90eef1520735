"""What every statement file uses: statements, checks and verdicts, exact arithmetic, reports, figures, the command."""
