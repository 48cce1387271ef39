"""The way in which every room writes a file as a whole."""
