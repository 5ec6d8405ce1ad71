"""The control API below `/_fake/`, and the OpenAPI document and page of the whole server.

A module for each resource that tests drive. What a call changes belongs to the room of that thing;
no rule of the vendor's contract belongs here.
"""
