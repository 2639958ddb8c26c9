"""Assets: what the vendors know, by an address that DAGs can be scheduled on; and what a refresh tells of it."""
