"""From bytes to Pods: armour, decoding with marks, defaults, validation, comparison of revisions.

Pure: bytes in, values out; no clock, network, file or log. Only this room knows YAML. Every problem of a
manifest is a value (`Message`), and all of them are found in one reading.
"""
