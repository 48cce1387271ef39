"""What runs on real components covered, environment by environment, and README's support table made of it."""
