"""The systemd room."""
