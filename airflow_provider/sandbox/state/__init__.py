"""What the two vendors know: plain objects, every question answered for a given ``now``."""
