"""graph: each dataset as nodes and edges in Neo4j.

tables.py (records -> node and edge tables) -> bundle.py (BioCypher's files, one immutable folder per build) -> load.py
(a new build beside the old one, verified, made current) -> read.py (Cypher in pages). `queries/*.cypher` decide what is
read; `schema_config.yaml` decides how a class looks in the graph; `local_server.py` runs a Neo4j where none is given.
"""
