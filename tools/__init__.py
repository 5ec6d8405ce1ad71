"""Programs for those who maintain this project: versions of dependencies, and releases."""
