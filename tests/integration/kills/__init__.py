"""A sync that is killed at each step, and tried again; ``python -m tests.integration.kills`` prints the table."""
