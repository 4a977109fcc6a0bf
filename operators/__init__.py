"""How a child is made from its parents. May import population, never evolve."""
