"""Programs for those who maintain this project: versions of dependencies, releases, pages."""
