"""Trial packings: quasi-random points in the degrees of freedom of a crystal."""
