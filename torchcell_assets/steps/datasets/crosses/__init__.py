"""Strains, their crosses and what follows from them.

Belongs here: what screens of crosses share. Does not: any one publication.
"""
