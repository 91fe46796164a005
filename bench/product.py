"""The real product in its own state directory: Postgres, Valkey, web, one scoring worker, default worker, beat."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import psycopg

from bench.folders import bench_folder
from bench.load import Target
from devstack import credentials, environment, pidfile, processes, services
from devstack.cli import memory_mb
from devstack.paths import REPOSITORY, StackPaths
from devstack.process import ProcessSpec
from devstack.progress import Console, Say
from devstack.runner import Runner

WATCH_EVERY_S = 0.2
STOP_S = 30


@dataclass(frozen=True)
class Product:
    paths: StackPaths
    runner: Runner
    variables: dict[str, str]
    target: Target
    started: list[ProcessSpec]
    owner_url: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.target.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, **self.variables}

    @property
    def owner_environment(self) -> dict[str, str]:
        """For scripts that fill tables: only their owner may VACUUM and ANALYZE."""
        return {**self.environment, "DATABASE_URL": self.owner_url}

    @property
    def bundles(self) -> Path:
        return Path(self.variables.get("BUNDLES_DIR") or Path(self.variables["DATA_DIR"]) / "bundles")

    def rows(self, query: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(self.variables["DATABASE_URL"]) as connection:
            return connection.execute(query, parameters).fetchall()

    def unscored(self) -> int:
        """Submissions that have neither a verdict nor another outcome: a check may send a picture back unscored."""
        return int(
            self.rows("SELECT count(*) FROM submissions_submission WHERE state IN ('received', 'scoring')")[
                0
            ][0]
        )

    def scored(self) -> int:
        return int(self.rows("SELECT count(*) FROM scoring_scoring")[0][0])

    def wait(
        self, done: Callable[[], bool], *, timeout_s: float, what: str, every_s: float = WATCH_EVERY_S
    ) -> None:
        """Keep the stack alive until `done`; raises TimeoutError."""
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not after {timeout_s:.0f} s; logs are in {self.paths.logs}")
            self.runner.watch()
            time.sleep(every_s)

    def process(self, name: str) -> psutil.Process | None:
        entry = next((entry for entry in pidfile.read(self.paths) if entry.name == name), None)
        return entry.living() if entry else None

    @contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Suspends the program meanwhile, so that it takes no processor time from the measurement."""
        process = self.process(name)
        family = [process, *process.children(recursive=True)] if process else []
        for one in family:
            one.suspend()
        try:
            yield
        finally:
            for one in family:
                one.resume()

    def memory_mb(self, name: str) -> float:
        process = self.process(name)
        return memory_mb(process, children=process.children(recursive=True)) if process else 0.0

    def cpu_s(self) -> float:
        """Processor time of every process of the product so far, Postgres and Valkey included."""
        return sum(self.cpu_s_by_program().values())

    def cpu_s_by_program(self) -> dict[str, float]:
        """As `cpu_s`, by the name of the program, its children included."""
        entries = [entry for entry in pidfile.read(self.paths) if entry.name != "supervisor"]
        return {entry.name: family_cpu_s(process) for entry in entries if (process := entry.living())}

    def has_torch(self, name: str) -> bool:
        """Whether any process of `name` has torch's libraries mapped."""
        process = self.process(name)
        family = [process, *process.children(recursive=True)] if process else []
        return any("libtorch" in Path(f"/proc/{one.pid}/maps").read_text() for one in family)

    def exchange(self, name: str, more: Mapping[str, str]) -> None:
        """End a program in good order, and start it with these settings as well."""
        if process := self.process(name):
            process.terminate()
            if psutil.wait_procs([process], timeout=STOP_S)[1]:
                raise TimeoutError(f"{name} did not stop within {STOP_S} s")
        program = next(program for program in self.started if program.name == name)
        self.runner.start(replace(program, environment={**program.environment, **more}))
        self.runner.wait_ready(name)

    def restart(self, name: str) -> None:
        """Start a killed program again at once, as a supervisor with a first restart does."""
        self.runner.start(next(program for program in self.started if program.name == name))


def family_cpu_s(process: psutil.Process) -> float:
    """Processor time of a process and of its children so far."""
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


@contextmanager
def product(
    bundle: Path,
    say: Say,
    more: Mapping[str, str] | None = None,
    *,
    rewired: Callable[[dict[str, str]], dict[str, str]] = dict,
    times: int = 1,
) -> Iterator[Product]:
    """The running stack with `bundle` in production, in its own state directory; stops and deletes everything
    afterwards.

    `more` are settings of its environment; `rewired` changes that of the product's own processes, of which there are
    `times` of each. Call from the main thread.
    """
    with (
        bench_folder() as state_dir,
        services.lock_state_dir(state_dir, Console(), say, quiet=True) as (paths, runner),
    ):
        port = credentials.port(paths, "web")
        urls = services.start(paths, runner, durable=True, say=say)
        variables = environment.variables(paths, urls, port) | {
            "SCORING_DEVICE": "cpu",
            "API_RATE_PER_MINUTE": "10000000",
            **(more or {}),
        }
        _manage(variables | urls.owner_environment, "prepare", "--without-bundle", "-v0")
        _manage(variables, "bundle", "promote", str(bundle), "--reason", "The bundle to measure.")
        key = _manage(variables, "integration", "add", f"bench-{os.getpid()}").strip()
        started = [
            program
            for number in range(1, times + 1)
            for program in _numbered(paths, rewired(variables), number)
        ]
        for program in started:
            runner.start(program)
        for program in started:
            runner.wait_ready(program.name)
        target = Target(port, "/api/v1/submissions", "image", key=key, accepted=202)
        yield Product(paths, runner, variables, target, started, urls.owner_url or urls.database_url)


def _numbered(paths: StackPaths, variables: dict[str, str], number: int) -> list[ProcessSpec]:
    """The product's processes once more: `web-2`, which listens on a port of its own, and so on."""
    suffix = "" if number == 1 else f"-{number}"
    port = credentials.port(paths, f"web{suffix}")
    again = []
    for program in processes.product_processes(paths, variables, port):
        name = program.name + suffix
        command = (part.replace(f"{program.name}@%h", f"{name}@%h") for part in program.command)
        schedule = str(paths.beat / "schedule")
        again.append(
            replace(
                program,
                name=name,
                command=tuple(f"{part}{suffix}" if part == schedule else part for part in command),
                log=paths.logs / f"{name}.log",
            )
        )
    return again


def _manage(variables: dict[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "manage.py"), *command],
        env={**os.environ, **variables},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"error: manage.py {command[0]} failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
