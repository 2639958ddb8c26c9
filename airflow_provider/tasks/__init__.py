"""What a task does when it runs: one refresh, from its record to its result."""
