"""Has what a target knows changed since we last told of it? For watchers: whoever started it, and told once."""
