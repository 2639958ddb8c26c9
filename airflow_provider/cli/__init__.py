"""The command line: how the agents and replicas of a connection are, and the sandbox."""
