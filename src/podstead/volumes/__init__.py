"""Prepares and removes what pods mount: hostPath, emptyDir, the hosts file, termination messages."""
