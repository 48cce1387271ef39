"""Settings of the agent, grouped by what they are of; every limit has its unit in its name and its reason beside it.

Values alone, and what they are where nobody says otherwise: `cli` reads flags and files into them, and nothing is read here.
"""
