"""The flags of `podstead sign --index` and `podstead verify --index`."""

from __future__ import annotations

from podstead.cli.options import Option, Takes
from podstead.signing.index import Expiry

LIFETIME = "90d"
"""Three months: long enough for a quarter's quiet, short enough that a set which is withheld is noticed."""

SIGN_OPTIONS = (
    Option(name="index", help="sign the whole set of --dir: an index of every file by digest, podstead.index"),
    Option(name="dir", value="DIR", takes=Takes.DIRECTORY, help="with --index: the manifest directory"),
    Option(name="node", value="PATTERN", repeated=True, help="with --index: the node, or a pattern with * and ?"),
    Option(name="expires", value="TIME", help=f"with --index: how long it counts, as 12h or 30d (default: {LIFETIME})"),
    Option(
        name="expiry",
        value="WHAT",
        choices=tuple(Expiry),
        help="with --index: soft (default): what runs may restart once it has expired; hard: nothing starts again",
    ),
    Option(name="version", value="N", help="with --index: its version (default: one more than the index before)"),
    Option(name="floor", value="N", help="with --index: the lowest version whose contents may be gone back to"),
    Option(name="objects", value="DIR", takes=Takes.DIRECTORY, help="with --index: the objects directory"),
    Option(name="policy", value="FILE", takes=Takes.FILE, help="with --index: the policy file"),
    Option(
        name="host-file",
        value="PATH[=FILE]",
        takes=Takes.FILE,
        repeated=True,
        help="with --index: a file of the node that podstead.io/config-files names; FILE has its bytes here",
    ),
    Option(
        name="profile",
        value="PATH[=FILE]",
        takes=Takes.FILE,
        repeated=True,
        help="with --index: a Localhost profile, as localhostProfile names it; FILE has its bytes here",
    ),
    Option(name="url", value="URL=FILE", repeated=True, help="with --index: what a manifest URL will give"),
    Option(name="pin", help="with --index: bind every image to the digest that it has in the agent's store"),
    Option(name="pin-file", value="FILE", takes=Takes.FILE, help="with --pin: lines of a reference and its digest"),
)

VERIFY_OPTIONS = (
    Option(name="index", help="verify the whole set of --dir against its podstead.index"),
    Option(name="dir", value="DIR", takes=Takes.DIRECTORY, help="with --index: the manifest directory"),
    Option(name="node", value="NAME", help="with --index: the node that it has to be for (default: this host)"),
    Option(name="floor", value="N", help="with --index: the lowest version that counts (default: any does)"),
    Option(name="objects", value="DIR", takes=Takes.DIRECTORY, help="with --index: compare this objects directory too"),
    Option(name="policy", value="FILE", takes=Takes.FILE, help="with --index: compare this policy file too"),
    Option(name="host-files", help="with --index: compare the host files and profiles at their paths on this machine"),
)
