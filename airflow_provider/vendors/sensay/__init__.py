"""Sensay, both generations of its API."""

LABEL = "Sensay"
