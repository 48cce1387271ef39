"""The ring of the Debian package: what is in it, and its life in a Debian without systemd, with pods; tests/vm has the rest."""
