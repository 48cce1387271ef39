"""Lets `python -m podstead` work like the installed command."""

from podstead.cli.main import main

raise SystemExit(main())
