"""SendKit."""
