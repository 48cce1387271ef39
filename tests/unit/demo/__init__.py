"""Unit tests of the demo's pure parts and of its refusals."""
