"""Refresh what an AI agent knows, prove that this refresh finished, and never pay for it twice."""

__version__ = "0.1.0"
