"""Many waits on one event loop: one client and one poller for all waits of a connection."""
