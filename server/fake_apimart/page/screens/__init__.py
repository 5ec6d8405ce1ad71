"""The screens of the page, and what their forms do.

Belongs here: what answers each path of the page. What a screen shows of a world, without HTML, does
not (`views`), nor who may look.
"""
