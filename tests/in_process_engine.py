"""The smallest engine there is, for tests: a worker after the other, in the caller's own process."""

from synth.compute.engines.engine import HOPELESS
from synth.errors import InputError, SynthError, WorkerLost


class InProcessEngine:
    """Works on shard after shard."""

    lends_gpus = False

    def at(self, address):
        if address is None:
            return self
        raise InputError(f"an engine in this process is at no address, got {address}")

    def probe(self, address):
        return iter(())

    def count_workers(self, resources, at_most, asked=None):
        return 1 if asked is None else asked

    def count_threads(self, n_workers):
        return None

    def run_shards(
        self,
        shards,
        open_worker,
        n_workers,
        on_done,
        *,
        resources,
        on_retry=lambda *_: None,
        on_wait=lambda: None,
    ):
        todo, n_tries = list(shards), 0
        while todo:
            try:
                with open_worker() as handle:
                    while todo:
                        n_tries += 1
                        result = _try(handle, todo[0])
                        on_done(todo.pop(0), result)
                        n_tries = 0
            except SynthError as error:
                if isinstance(error, HOPELESS) or n_tries == 2:
                    raise
                on_retry(todo[0], error)


def _try(handle, shard):
    try:
        return handle(shard)
    except SynthError:
        raise
    except Exception as error:
        raise WorkerLost(f"{type(error).__name__}: {error}") from error


ENGINE = InProcessEngine()
