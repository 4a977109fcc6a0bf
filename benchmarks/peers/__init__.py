"""Side by side: this system and its peers on the same landscapes, with the same proposals and evaluations."""
