"""C01: applications that treat their secrets badly: never kept, kept for ever, lost in an outage."""

from chimera_compliance.stack.flaws import flaw


@flaw("C01", breaks="C01.22", why="the store is read for every request")
def secret_read_for_every_request(made):
    made.settings.secrets_cached = 0


@flaw("C01", breaks="C01.23", why="a secret is kept until the next start")
def secret_kept_for_ever(made):
    from chimera_compliance.stack.api.secret_cache import SecretCache

    class Eternal(SecretCache):
        def get(self, name):
            known = self._known.get(name)
            return known[0] if known else super().get(name)

    made.secret_cache = Eternal


@flaw("C01", breaks="C01.23", why="a secret is kept for a day, as the deployment itself says")
def secret_kept_for_a_day(made):
    made.settings.secrets_cached = 86_400


@flaw("C01", breaks="C01.24", why="while the store is away, nothing is answered")
def outage_is_not_survived(made):
    import time

    from chimera_compliance.stack.api.secret_cache import SecretCache

    class Fragile(SecretCache):
        def get(self, name):
            if self._known.get(name, (None, 0.0))[1] <= time.monotonic():
                self._known.pop(name, None)
            return super().get(name)

    made.secret_cache = Fragile


@flaw("C01", breaks="C01.25", why="after an outage the store is never asked again")
def outage_is_for_ever(made):
    made.settings.secrets_retry = 1e9
