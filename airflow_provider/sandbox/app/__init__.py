"""The two vendors over HTTP."""
