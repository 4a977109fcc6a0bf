"""What is known of the variants, and choosing from it. Imports no other package of ours."""
