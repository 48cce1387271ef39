"""The room that decides which bytes may be parsed."""
