"""What goes wrong between a source and a knowledge base, done to a peer and to us."""
