"""Triggers: wait on the triggerer; they only read."""
