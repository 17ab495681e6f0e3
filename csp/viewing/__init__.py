"""What notebooks and pages show: crystals in three dimensions, tables."""
