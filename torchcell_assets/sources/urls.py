"""Asking URLs whether they can be had, without reading what they give.

Belongs here: headers, deadlines, and why an address cannot be reached, in words. Does not: downloads (files.py).
"""

import queue
import threading
import time
import urllib.error
import urllib.request


def ask(urls: list[str], timeout: float) -> dict[str, str]:
    """URL -> "" if its headers can be had, else the clause why not; what answers too late is left out.

    Daemon threads: a name server that hangs must not keep the process from ending.
    """
    answers: queue.Queue[tuple[str, str]] = queue.Queue()
    wanted = set(urls)
    for url in wanted:
        threading.Thread(target=lambda u=url: answers.put((u, _head(u, timeout))), daemon=True).start()
    known: dict[str, str] = {}
    end = time.monotonic() + timeout
    while len(known) < len(wanted):
        try:
            url, answer = answers.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        known[url] = answer
    return known


def _head(url: str, timeout: float) -> str:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=timeout):
            return ""
    except (OSError, ValueError) as error:
        return unreachable(url, error)


def unreachable(url: str, error: Exception) -> str:
    """Why a URL gave nothing, in a clause."""
    if isinstance(error, urllib.error.HTTPError):
        return f"{url} answered {error.code} {error.reason}"
    return f"{url} cannot be reached ({getattr(error, 'reason', error)})"
