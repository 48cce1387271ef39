"""Which bytes may be parsed: verify before anything reads them.

Pure: a look, the evidence about its signatures, whom to trust and what is on record in, the look without the bytes that do
not count out. `standing` says which signed index is in force, `contents` whether one content counts under it, `look` does it
for a whole directory, `rules` has every reason with what follows from it. Imports `signing`, and with it the cryptographic
library: nobody imports this room at the top of a module that an agent without signatures needs.
"""
