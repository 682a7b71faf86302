"""A Neo4j of this machine without Docker: jars, home, supervisor, importer.

Belongs here: the server. Does not: what is stored in it.
"""
