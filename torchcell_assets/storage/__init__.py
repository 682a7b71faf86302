"""How files come to be and are read. Belongs here: atomic writes, locks, hashes, tables, figures. Does not: what is in them."""
