"""The vendors' HTTP: every endpoint described once, two clients that send, one rule that repeats."""
