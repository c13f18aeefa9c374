"""A private PostgreSQL cluster in a folder, on loopback only, for tests as quick as one without safety can be."""

import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import psycopg

from tests.servers.processes import Server, free_port, program, unprivileged

_PLACE = "/usr/lib/postgresql/*/bin"
_USER = "marrow"


class PostgreSQL:
    """A cluster; ``server`` stops, freezes and starts it. A ``durable`` one has on the disk what it says is stored."""

    def __init__(self, port: int | None = None, *, durable: bool = False) -> None:
        initdb, postgres = (program(name, "postgresql", _PLACE) for name in ("initdb", "postgres"))
        user = unprivileged()
        self.port = port or free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="postgresql-"))
        data = self._folder / "data"
        if user:
            shutil.chown(self._folder, user)
        self._run(
            [
                initdb,
                "--auth=trust",
                f"--username={_USER}",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
                str(data),
            ],
            user,
        )
        options = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        options["fsync"] = "on" if durable else "off"
        command = [postgres, "-D", str(data)]
        for name, value in options.items():
            command += ["-c", f"{name}={value}"]
        self.server = Server(command, self._folder / "log", self._answers, user)

    def _run(self, command: list[str], user: str | None) -> None:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, user=user, cwd="/")

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        """SQLAlchemy URL of a database."""
        return f"postgresql+psycopg://{_USER}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its URL."""
        name = f"t{uuid.uuid4().hex}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def read_only(self, *, on: bool) -> None:
        """Refuse writes, as a server does that was replaced by its stand-by."""
        self.execute(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        self.execute("SELECT pg_reload_conf()")

    def execute(self, statement: str) -> None:
        """Run a statement as the owner of everything."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_USER,
            dbname="postgres",
            autocommit=True,
            connect_timeout=5,
            options="-c default_transaction_read_only=off",
        ) as connection:
            connection.execute(statement.encode())

    def remove(self) -> None:
        """End it and delete everything."""
        self.server.stop()
        shutil.rmtree(self._folder)
