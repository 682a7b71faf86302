"""What a notebook asks of a data root. Belongs here: reading what assets stored. Does not: making anything, Dagster."""
