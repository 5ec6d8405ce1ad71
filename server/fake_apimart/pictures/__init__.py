"""Pictures: drawing results, their sizes, text and fonts, and reading reference images.

Belongs here: whatever works on pixels or on the size of a picture, and the checks of references.
Does not: when a result is drawn or stored (tasks), and which sizes a model allows (generation).
"""
