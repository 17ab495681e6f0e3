"""Force fields: typing, parameters, Ewald sums and the compiled kernels."""
