"""A private Redis on loopback, in memory only."""

import shutil
import tempfile
from pathlib import Path

from tests.servers.processes import Server, free_port, program, takes_connections


class Redis:
    """A server; ``server`` stops and starts it."""

    def __init__(self, port: int | None = None) -> None:
        self.port = port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="redis-"))
        options = {"port": self.port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": str(self._folder)}
        command = [program("redis-server", "redis-server")]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        self.server = Server(command, self._folder / "log", lambda: takes_connections(self.port))

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def remove(self) -> None:
        """End it and delete everything."""
        self.server.stop()
        shutil.rmtree(self._folder)
