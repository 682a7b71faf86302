"""What a deployment works on and where things are. Belongs here: study, partitions, resources, keys and paths. Does not: data."""
