"""Sensors: they only wait."""
