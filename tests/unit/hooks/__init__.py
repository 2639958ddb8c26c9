"""Connections, forms, and which generation is spoken."""
