"""What the sensors do on a worker, one module per vendor; imported when a task runs, not when a DAG is parsed."""
