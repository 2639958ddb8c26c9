"""What the vendors answer, as typed values; imported on first use, never at DAG parse."""
