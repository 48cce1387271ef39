"""The ways in which somebody would run what was not meant to run, and the tests that show each refused.

A test names its attacks with `@pytest.mark.attack("planted-pod", …)`. `make attacks` runs all of them and writes
docs/attacks.md; a test of the house keeps that page in line with the marks.
"""
