"""Making a knowledge base equal to a source: the decisions, pure."""
