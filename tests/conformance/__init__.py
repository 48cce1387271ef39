"""The kubelet's behaviours S1 to S40 as cases, the tests that show ours, and the document that says what came of them.

A test names its cases with `@pytest.mark.conformance("S1", …)`. `make conformance` runs all of them and writes
docs/conformance.md; a test of the house keeps that page in line with the marks.
"""
