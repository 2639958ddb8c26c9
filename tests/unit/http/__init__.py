"""Calls, models, the retry rule, and both clients over real sockets."""
