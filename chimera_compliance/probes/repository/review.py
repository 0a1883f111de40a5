"""One look at a repository: its files and its whole history, from which all of C02 is judged."""

import hashlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from chimera_compliance.journal import Journal
from chimera_compliance.probes.repository import canaries, dotenv, gitleaks, policy, worktree
from chimera_compliance.probes.repository.allowlists import COMMENT, Seen
from chimera_compliance.probes.repository.cache import Cache
from chimera_compliance.probes.repository.candidates import Candidate, Sighting, described, fingerprint
from chimera_compliance.probes.repository.detectors import built_in
from chimera_compliance.probes.repository.exact import Exact
from chimera_compliance.probes.repository.git import Git
from chimera_compliance.probes.repository.history import Looked, look
from chimera_compliance.probes.repository.inspector import LIVE, Inspector
from chimera_compliance.probes.repository.places import Place, paths, places, reachable
from chimera_compliance.probes.secrets.needles import Needle, SecretValue
from chimera_compliance.probes.secrets.needles import needles as needles_of

TREE, HISTORY, ASIDE, TEXT, NAME = "tree", "history", "aside", "text", "name"
_MOST_ASKED = 512 << 10
_KEPT_FILES = (*gitleaks.NAMES, ".gitleaksignore")


@dataclass(frozen=True)
class Leak:
    """A credential, and where it is; never the credential itself."""

    rule: str
    what: str
    where: str
    file: str
    line: int
    commit: str
    told: str
    mark: str
    own: bool = False
    observation: str = ""

    @property
    def live(self) -> bool:
        """Whether it is a real secret of the deployment."""
        return self.rule == LIVE

    @property
    def subject(self) -> str:
        """The place: ``src/settings.py:12``, with the commit where it is history."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file or "an object that nothing names"
        return place if self.where == TREE or not self.commit else f"{place} in {self.commit[:12]}"

    @property
    def actual(self) -> str:
        """What it is, free of secrets."""
        return f"{self.what}, {self.told}, {self.rule}, mark {self.mark}"


@dataclass
class Review:
    """What was seen. `unread` are the files, and `looked.missing` the objects, that could not be looked at."""

    git: Git
    files: int = 0
    bytes: int = 0
    looked: Looked = field(default_factory=Looked)
    leaks: list[Leak] = field(default_factory=list)
    unread: dict[str, str] = field(default_factory=dict)
    pointers: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    dotenv: dict[str, bytes] = field(default_factory=dict, repr=False)
    configuration: gitleaks.Configuration = field(default_factory=gitleaks.Configuration)
    allowed: int = 0
    engine: str = ""
    seconds: float = 0.0
    secrets: list[str] = field(default_factory=list, repr=False)
    """What the journal must never show."""
    unfound: list[str] = field(default_factory=list)
    """Planted credentials that the search did not find: none, if it works."""


class Reviewer:
    """Looks, in a thread of its own, while the network is asked other questions."""

    def __init__(self, folder: Path, needles: Sequence[Needle], cache: Path | None) -> None:
        self._folder, self._needles, self._cache = folder, needles, cache
        self._review: Review | None = None
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="repository", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._review = review(self._folder, [*self._needles, *_of_dotenv(self._folder)], self._cache)
        except BaseException as error:
            self._failure = error

    def result(self) -> Review:
        """What was seen, as soon as it is.

        Raises:
            ConfigurationError: there is no repository to look at.
        """
        self._thread.join()
        if self._failure is not None:
            raise self._failure
        return self._review


def review(
    folder: Path, needles: Sequence[Needle] = (), cache: Path | None = None, *, portable: bool = False
) -> Review:
    """Look at the files, then at every object.

    Raises:
        ConfigurationError: there is no repository, or git cannot be run.
    """
    begun = time.monotonic()
    git = Git.open(folder)
    made = Review(git)
    contents = list(worktree.files(git)) if not git.bare else []
    files = {one.path: bytes(one.content) for one in contents if _configures(one)} if not git.bare else _of_head(git)
    made.configuration = gitleaks.load(files)
    detectors = [*built_in(), *(rule for rule in made.configuration.rules if rule.regex)]
    ready: list[Inspector] = []

    def inspector() -> Inspector:
        """Each reader has its own, for the engine's working memory cannot be shared; the first is there already."""
        if ready:
            return ready.pop()
        return Inspector(detectors, Exact(needles, portable=portable), portable=portable, store=cache)

    first = inspector()
    ready.append(first)
    made.unfound = canaries.unfound(first)
    _Looker(made, first, needles).run(contents, inspector, cache)
    made.seconds = time.monotonic() - begun
    return made


def _of_dotenv(folder: Path) -> list[Needle]:
    """What a developer's own .env holds, which git ignores, is real and must be nowhere else."""
    git = Git.open(folder)
    return needles_of(
        SecretValue(f"{file.name}#{name}", value.encode())
        for file in worktree.dotenv_files(folder)
        if not policy.is_sample(file.name) and git.ignores(file.name) and not git.run("ls-files", "--", file.name)
        for name, value, _ in dotenv.credentials(file.read_bytes())
    )


def _configures(one: worktree.File) -> bool:
    """A configuration may extend another of any name."""
    return (one.path in _KEPT_FILES or one.path.endswith(".toml")) and len(one.content) < 1 << 20


def _of_head(git: Git) -> dict[str, bytes]:
    found = {}
    for name in _KEPT_FILES:
        if (content := git.run("cat-file", "blob", f"HEAD:{name}", check=False)) is not None:
            found[name] = content
    return found


class _Looker:
    """Goes through files and objects and decides which sightings are findings."""

    def __init__(self, made: Review, inspector: Inspector, needles: Sequence[Needle]) -> None:
        self._made, self._inspector, self._needles = made, inspector, needles
        self._key = os.urandom(32)
        self._may_ask = _MOST_ASKED
        self._seen: set[tuple[str, str]] = set()

    def run(self, contents: list[worktree.File], inspector, cache: Path | None) -> None:
        made = self._made
        made.engine = self._inspector.engine.name
        self._files(contents or list(worktree.files(made.git)) if made.git.bare else contents)
        circumstances = hashlib.sha256(repr([(d.id, d.triggers) for d in self._inspector.detectors]).encode()).digest()
        kept = Cache.open(cache, made.git.folder, circumstances, self._needles)
        made.looked = look(made.git, inspector, kept)
        self._objects(made.looked.sightings)
        made.looked.sightings = []

    def _files(self, contents: Iterable[worktree.File]) -> None:
        made = self._made
        for one in contents:
            made.paths.append(one.path)
            if one.unread:
                made.unread[one.path] = one.unread
                continue
            if worktree.is_pointer(one.content):
                made.pointers.append(one.path)
            made.files += 1
            made.bytes += len(one.content)
            told = list(self._inspector.file(one.content, one.path))
            for sighting in [*told, *self._second_opinion(one, told)]:
                self._judge(sighting, TREE, Place(one.path))
            for sighting in self._inspector.name(one.path.encode("utf-8", "surrogateescape")):
                self._judge(sighting, NAME, Place(one.path))
            if policy.is_dotenv(one.path):
                made.dotenv[one.path] = bytes(one.content)

    def _second_opinion(self, one: worktree.File, told: list[Sighting]) -> Iterator[Sighting]:
        """What detect-secrets sees beyond it, as far as the time allows: it is some hundred times slower."""
        content = bytes(one.content[:_MOST_ASKED])
        if len(one.content) > self._may_ask or b"\0" in content[:8000] or not policy.is_application(one.path):
            return
        from chimera_compliance.probes.repository.second_opinion import opinions

        self._may_ask -= len(content)
        known = [sighting.candidate.value for sighting in told if sighting.candidate.value]
        for candidate, line in opinions(content.decode("utf-8", "replace")):
            if not any(candidate.value in value or value in candidate.value for value in known):
                yield Sighting(candidate, line, one.path)

    def _objects(self, sightings: list[Sighting]) -> None:
        """Paths are cheap to ask for, commits are not: they are asked for what is a finding at its path only."""
        git = self._made.git
        named = paths(git, (one.object_id for one in sightings if one.kind == "blob"))
        standing = [
            one
            for one in sightings
            if one.kind != "blob" or self._may_stand(one.candidate, named.get(one.object_id, ""))
        ]
        where = places(git, {one.object_id: named.get(one.object_id, "") for one in standing if one.kind == "blob"})
        reached = reachable(git, (one.object_id for one in standing if one.kind != "blob"))
        for one in standing:
            if one.kind == "blob":
                place = where[one.object_id]
                kind = TEXT if place.note else ASIDE if place.aside else HISTORY
            elif one.kind == "tree":
                place, kind = Place("the name of a file", aside=one.object_id not in reached), NAME
            else:
                place = Place(f"the text of {one.kind} {one.object_id[:12]}", one.object_id)
                kind = TEXT if one.object_id in reached else ASIDE
            self._judge(one, kind, place)

    def _may_stand(self, candidate: Candidate, path: str) -> bool:
        """Whether it is a finding at its path, and not one that the tree has shown already."""
        mark = fingerprint(candidate.value or candidate.name, self._key)
        return (candidate.rule, mark) not in self._seen and (candidate.rule == LIVE or policy.stands(candidate, path))

    def _judge(self, sighting: Sighting, where: str, place: Place) -> None:
        candidate = sighting.candidate
        if candidate.rule != LIVE:
            if where in (TREE, HISTORY, ASIDE) and not policy.stands(candidate, place.path):
                return
            if self._is_allowed(candidate, sighting, place):
                self._made.allowed += 1
                return
        mark = fingerprint(candidate.value or candidate.name, self._key)
        if (candidate.rule, mark) in self._seen and (where != TREE or (place.path, mark) in self._seen):
            return
        self._seen |= {(candidate.rule, mark), (place.path, mark)}
        if candidate.value and candidate.strength > 1:
            self._made.secrets.append(candidate.value)
        self._made.leaks.append(self._leak(candidate, sighting, where, place, mark))

    def _leak(self, candidate: Candidate, sighting: Sighting, where: str, place: Place, mark: str) -> Leak:
        live = candidate.rule == LIVE
        own = any(rule.id == candidate.rule for rule in self._made.configuration.rules)
        inside = f" ({sighting.inside})" if sighting.inside else ""
        name = "the name of a file" if where == NAME else place.path + inside
        return Leak(
            candidate.rule,
            f"the value of {candidate.name}" if live else candidate.what,
            where,
            name,
            sighting.line,
            place.commit,
            candidate.what
            if live
            else described(candidate.value)
            if candidate.strict
            else f"{len(candidate.value)} characters",
            mark,
            own,
        )

    def _is_allowed(self, candidate: Candidate, sighting: Sighting, place: Place) -> bool:
        config = self._made.configuration
        if COMMENT in candidate.line or (place.path and place.path in (config.file, ".gitleaksignore")):
            return True
        seen = Seen(candidate.rule, place.path, place.commit, candidate.value, candidate.match, candidate.line)
        return config.ignored.covers(place.path, place.commit, sighting.line) or any(
            one.allows(seen) for one in config.allow_lists
        )


def _told(candidate: Candidate) -> str:
    if candidate.rule == LIVE:
        return candidate.what
    return described(candidate.value) if candidate.strict else f"{len(candidate.value)} characters"


def recorded(made: Review, journal: Journal) -> Review:
    """Keep an observation of the whole and one of each leak; what was found is hidden from now on."""
    for value in made.secrets:
        journal.redact.add(value, "FOUND_SECRET")
    made.secrets = []
    journal.record(
        "git",
        "repository",
        sent={"command": "git cat-file --batch --batch-all-objects", "engine": made.engine},
        received=_counts(made),
        reproduce='git -C "$REPOSITORY" cat-file --batch-all-objects --batch --unordered',
    )
    made.leaks = [replace(leak, observation=_record(leak, journal)) for leak in made.leaks]
    return made


def _counts(made: Review) -> dict:
    looked = made.looked
    return {
        "files": made.files,
        "objects": looked.objects,
        "known_from_last_time": looked.known,
        "gone_since": looked.gone,
        "bytes": looked.bytes + made.bytes,
        "seconds": round(made.seconds, 3),
        "unreadable_objects": looked.missing[:20],
        "shallow": made.git.shallow,
        "bare": made.git.bare,
        "leaks": len(made.leaks),
        "allowed_by_allow_lists": made.allowed,
    }


def _record(leak: Leak, journal: Journal) -> str:
    name = leak.file.replace("'", "'\\''")
    in_history = leak.commit and leak.where == HISTORY
    show = f"git -C \"$REPOSITORY\" show '{leak.commit}:{name}'" if in_history else f"cat '{name}'"
    told = ("file", "line", "commit", "what", "told", "mark")
    return journal.record(
        "git",
        leak.subject,
        sent={"rule": leak.rule, "where": leak.where},
        received={name: getattr(leak, name) for name in told},
        reproduce=f"{show} | sed -n {leak.line}p" if leak.line else show,
    )
