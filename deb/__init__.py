"""Builds the Debian package: `python -m deb`. It knows the product and its locks; nothing in the product knows it.

Why dpkg-deb alone, one package for every release, and libraries in it: docs/adr/0010-debian-package.md.
"""
