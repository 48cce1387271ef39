"""Tests of `podstead.audit`."""
