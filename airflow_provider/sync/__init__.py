"""Making a knowledge base equal to a source: reading, planning, writing, waiting, telling."""
