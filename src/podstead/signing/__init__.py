"""Who signed a file: OpenSSH's signatures (SSHSIG), keys, `allowed_signers`, revocation lists, and the index of a whole set.

Pure: bytes and a moment in, evidence out. It says whose signature stands under which bytes, for which purpose; whether that
suffices is decided elsewhere. Formats are those of ssh-keygen(1), PROTOCOL.sshsig and PROTOCOL.krl; both directions are
tested with the real program. The only room that knows the cryptographic library, 10 MiB that only those load who sign or
verify: at the top of a module that an agent without signatures needs, nobody imports anything of this room but `index`, which
holds values alone.
"""
