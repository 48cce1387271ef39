"""What a guard publishes for a kubelet: from a look at its source to the files that the published directory must hold.

Pure: looks, readings and the record of what is published in, the next record out. It has no pods, only files; the rules by
which a file comes, stays and goes are those of `state.fold`, so a refusal never takes the last good content away.
"""
