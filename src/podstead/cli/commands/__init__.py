"""One module a command, imported when its command is typed; each has a `COMMAND`."""
