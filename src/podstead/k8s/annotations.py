"""What a pod's author can ask of this agent by annotations; docs/annotations.md says what each does."""

PREFIX = "podstead.io/"

START_AFTER = "podstead.io/start-after"
"""The pods that must be ready before this one is started (`manifest.start_after`)."""
PROGRESS_DEADLINE = "podstead.io/progress-deadline-seconds"
"""How long a new revision may take to become ready, from when it is effective; then the last ready one comes back."""
CONFIG_FILES = "podstead.io/config-files"
"""Files of the node whose changes are noticed, separated by commas."""
RESTART_ON_CHANGE = "podstead.io/restart-on-change"
"""`true` restarts what was started with another content of an object or a config file."""
AUTHORS = (START_AFTER, PROGRESS_DEADLINE, CONFIG_FILES, RESTART_ON_CHANGE)
"""All of them; whatever else begins with PREFIX is a slip."""
