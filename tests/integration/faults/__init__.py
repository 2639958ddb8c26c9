"""What may go wrong between us and a vendor, as a table; ``python -m tests.integration.faults`` prints it."""
