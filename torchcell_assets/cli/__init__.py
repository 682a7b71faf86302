"""What a terminal asks: one module a command. Belongs here: printing, asking, starting servers. Does not: deciding anything."""
