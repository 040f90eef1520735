"""Statements, checks, verdicts, reports and exact arithmetic: what every statement file uses."""
