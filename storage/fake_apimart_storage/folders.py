"""Open folders, in which a name never leads elsewhere by a symbolic link.

Whoever can write to a folder could otherwise let the server read or replace any file. Each folder
is opened relative to the one above it, so that nothing can be exchanged between a check and its
use. Windows cannot do so: there links are looked for first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from typing import Self

_HAS_DESCRIPTORS = os.open in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0) | _CLOSE_ON_EXEC
_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_BINARY = getattr(os, "O_BINARY", 0)
# Without O_NONBLOCK, opening what became a FIFO would wait for another process.
_READ = os.O_RDONLY | _BINARY | _NO_LINK | getattr(os, "O_NONBLOCK", 0)
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY | _NO_LINK

ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""What the system says where there is no such folder or file, or a link in its place."""


class Folder:
    """An open folder. All methods raise OSError."""

    def __init__(self, path: str, fd: int = -1) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def at(cls, path: str) -> Self:
        """Open the folder at `path`, which may lead over links."""
        if _HAS_DESCRIPTORS:
            return cls(path, os.open(path, _FOLDER | _CLOSE_ON_EXEC))
        if not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return cls(path)

    @classmethod
    def within(cls, path: str, name: str, fd: int | None = None) -> Self:
        """Open the folder `name` at `path`, which may lead over links, or in the folder `fd`."""
        place = f"{path}{os.sep}{name}"
        if _HAS_DESCRIPTORS:
            opened = name if fd is not None else place
            return cls(place, os.open(opened, _FOLDER | _NO_LINK, dir_fd=fd))
        if not stat.S_ISDIR(os.lstat(place).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), place)
        return cls(place)

    def below(self, name: str) -> Folder:
        """Open the folder `name` in this one."""
        return Folder.within(self.path, name, self._fd)

    def _place(self, name: str) -> tuple[str, int | None]:
        """Return `name` as calls of the system take it, and the descriptor that it is relative to.

        None stands for no descriptor.
        """
        if _HAS_DESCRIPTORS:
            return name, self._fd
        return f"{self.path}{os.sep}{name}", None

    def create(self, name: str) -> None:
        """Create a folder, unless it is there."""
        path, fd = self._place(name)
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, dir_fd=fd)

    def create_file(self, name: str) -> int:
        """Create a file and return a descriptor to write to it."""
        path, fd = self._place(name)
        return os.open(path, _NEW_FILE, 0o644, dir_fd=fd)

    def open_file(self, name: str) -> int:
        """Return a descriptor to read an ordinary file. FileNotFoundError where it is none."""
        path, fd = self._place(name)
        # Looked at first, since opening a device or a FIFO can have an effect of its own.
        if stat.S_ISREG(os.stat(path, dir_fd=fd, follow_symlinks=False).st_mode):
            opened = os.open(path, _READ, dir_fd=fd)
            if stat.S_ISREG(os.fstat(opened).st_mode):
                return opened
            os.close(opened)
        raise FileNotFoundError(errno.ENOENT, "no ordinary file", f"{self.path}{os.sep}{name}")

    def has(self, name: str) -> bool:
        """Return whether there is anything under `name`."""
        return self.inode(name) is not None

    def inode(self, name: str) -> int | None:
        """Return what identifies a file as long as it is there, or None where it is not."""
        path, fd = self._place(name)
        try:
            return os.stat(path, dir_fd=fd, follow_symlinks=False).st_ino
        except FileNotFoundError:
            return None

    def delete(self, name: str) -> None:
        """Delete a file."""
        path, fd = self._place(name)
        os.unlink(path, dir_fd=fd)

    def move(self, name: str, folder: Folder, new_name: str) -> None:
        """Move a file into another folder, where it replaces what is there."""
        source, source_fd = self._place(name)
        target, target_fd = folder._place(new_name)
        os.replace(source, target, src_dir_fd=source_fd, dst_dir_fd=target_fd)

    def contents(self) -> list[tuple[str, bool]]:
        """Return the names of the files and folders in it, and which are folders. No links."""
        with os.scandir(self._fd if _HAS_DESCRIPTORS else self.path) as found:
            return [
                (each.name, each.is_dir(follow_symlinks=False))
                for each in found
                if each.is_dir(follow_symlinks=False) or each.is_file(follow_symlinks=False)
            ]

    def sync(self) -> None:
        """Write the names in it to the disk, so that a power cut does not undo their change."""
        if _HAS_DESCRIPTORS:
            os.fsync(self._fd)

    def close(self) -> None:
        """Close it; the second time nothing happens."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


@contextlib.contextmanager
def folder_at(
    root: str, names: Sequence[str], *, create: bool = False, sync: bool = False
) -> Iterator[Folder]:
    """Open the folder that `names` lead to from `root`, one after the other. Raises OSError.

    Where `create`, those that are missing are created, but not `root`; where `sync` too, so that a
    power cut does not undo it.
    """
    folder = _top(root, names[0], create=create, sync=sync)
    try:
        for name in names[1:]:
            with folder as parent:
                folder = _created(parent, name, sync=sync) if create else parent.below(name)
        yield folder
    finally:
        folder.close()


def _top(root: str, name: str, *, create: bool, sync: bool) -> Folder:
    try:
        return Folder.within(root, name)
    except FileNotFoundError:
        if not create:
            raise
    with Folder.at(root) as parent:
        return _created(parent, name, sync=sync)


def _created(parent: Folder, name: str, *, sync: bool) -> Folder:
    try:
        return parent.below(name)
    except FileNotFoundError:
        parent.create(name)
        if sync:
            parent.sync()
        return parent.below(name)
