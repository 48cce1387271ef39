"""Objects as rows: one module a kind, each with its columns and a pure function from object and time to cells.

The formats are kubectl's own (spec/kubectl.md 5). No clock, network, file or log; cells are escaped by `tables.render`.
"""
