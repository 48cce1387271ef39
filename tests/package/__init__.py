"""The ring of the Debian package: what is in it, and its life in a Debian without systemd; tests/vm has the rest."""
