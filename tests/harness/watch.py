"""Waiting for a file without sleeping: generated files appear by rename, which inotify tells."""
import ctypes
import os
import select
import time

IN_MODIFY, IN_CLOSE_WRITE, IN_MOVED_TO = 0x2, 0x8, 0x80
libc = ctypes.CDLL(None, use_errno=True)


def wait_file(path, fits, timeout=30, what="the file to be as expected"):
    """Until fits(bytes of path) is true; returns the bytes."""
    fd = libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
    if fd < 0 or libc.inotify_add_watch(fd, os.fsencode(path.parent),
                                        IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO) < 0:
        raise OSError(ctypes.get_errno(), f"inotify: {path.parent}")
    end = time.monotonic() + timeout
    try:
        while True:
            data = path.read_bytes() if path.exists() else b""
            if fits(data):
                return data
            left = end - time.monotonic()
            assert left > 0, f"{path}: waited {timeout} s for {what}; it is:\n{data[-2000:]!r}"
            select.select([fd], [], [], left)
            try:
                os.read(fd, 65536)
            except BlockingIOError:
                pass
    finally:
        os.close(fd)
