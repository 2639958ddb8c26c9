"""Operators: submit, then wait."""
