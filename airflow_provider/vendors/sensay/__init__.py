"""Sensay, both generations of its API."""
