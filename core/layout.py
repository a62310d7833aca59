"""Where the supervisor keeps things below the data folder."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Layout:
    """Paths below one data folder (VAR_DIR)."""

    var: Path

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def run(self) -> Path:
        return self.var / "run"

    @property
    def broker(self) -> Path:
        return self.var / "broker"

    @property
    def lock(self) -> Path:
        return self.run / "supervisor.lock"

    @property
    def state(self) -> Path:
        return self.run / "state.json"

    @property
    def secrets(self) -> Path:
        return self.var / "secrets.json"

    @property
    def database(self) -> Path:
        """SQLite's file when DATABASE_URL is unset, as console.settings.database names it."""
        return self.var / "modelyard.sqlite3"

    @property
    def restoring(self) -> Path:
        """There while `manage.py restore` fills the folder, or after it was cut off."""
        return self.var / "restoring.json"

    def stamp(self, name: str) -> Path:
        return self.run / f"{name}.stamp"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def make(self) -> None:
        """Create the folders. The data folder stays traversable: sandboxed users reach engines
        below it; what is private has its own mode."""
        self.var.mkdir(parents=True, exist_ok=True)
        for folder in (self.logs, self.run, self.broker):
            folder.mkdir(mode=0o700, exist_ok=True)
