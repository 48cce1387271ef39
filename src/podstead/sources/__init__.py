"""Looks at the manifest directory and the manifest URL.

Of the directory: inotify, a periodic full look, safe reads, and certainty of absence. Gives complete sets
(`SourceSnapshot`), never deltas. Knows nothing of pods beyond decoding a file's bytes.

`directory` says what a snapshot holds, and `agenda` when to look next; `watch` hears of changes; `looker` looks, on threads that
may be left behind; `place` opens and lists the directory, `entry` reads one file; `continuity` judges absences and is pure, as
are `agenda` and `names`. `posture` says who can write (`acl`, and `opening`, which follows no link). `url` fetches the manifest
URL with `fetch`, and `joined` puts it beside the directory. `decoder` turns bytes into a `Reading`, in `decode_child` where they
are many.
"""
