"""What a person sees of a run: everything here reads the population and changes nothing."""
