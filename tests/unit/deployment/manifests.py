"""What is wrong with a pod that is to run our image: commands it lacks, contexts missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

# What the base image and the requirements bring.
PROGRAMS = {"airflow", "bash", "cp", "factorprism", "python", "sh"}
SHELLS = {"bash", "sh"}
POD_KINDS = {"Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob", "Pod"}


def image_content(repository: Path) -> set[str]:
    """Return the programs and paths of the image, as its Dockerfile makes them."""
    text = (repository / "Dockerfile").read_text().replace("\\\n", " ")
    content = set(PROGRAMS)
    for sources, target in re.findall(r"^COPY (?:--\S+ )*(.+) (\S+)$", text, re.MULTILINE):
        for source in sources.split():
            content |= _copied(repository, source, target)
    content |= {word for word in text.split() if word.startswith("/var/lib/")}
    return content


def _copied(repository: Path, source: str, target: str) -> set[str]:
    """Return what one source of a COPY becomes: a file by its path, a program by its name too."""
    if target.endswith("/"):
        target += Path(source).name
    place = Path("/opt/factorprism", target)
    folder = repository / source
    inside = {str(place / file.relative_to(folder)) for file in folder.rglob("*")}
    bare = {place.name} if place.parent == Path("/usr/local/bin") else set()
    return {str(place)} | inside | bare


def faults_of(manifest: Mapping[str, Any], content: set[str], image: str) -> list[str]:
    """Return what keeps the pods of `manifest` from running our `image`, confined."""
    faults = []
    for where, pod in pods_of(manifest):
        pod_context = pod.get("securityContext") or {}
        for name in ("runAsNonRoot", "runAsUser", "fsGroup", "seccompProfile"):
            if not pod_context.get(name):
                faults.append(f"{where}: the pod has no {name}")
        for container in [*(pod.get("initContainers") or []), *pod["containers"]]:
            place = f"{where}/{container['name']}"
            if not container["image"].startswith(image):
                faults.append(f"{place}: runs {container['image']}")
            faults += [f"{place}: {fault}" for fault in _unconfined(container)]
            faults += [f"{place}: {fault}" for fault in _lacking(container, content)]
    return faults


def pods_of(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each pod of a manifest; the pods of tasks stand as text in a ConfigMap."""
    kind = manifest.get("kind")
    where = f"{kind} {manifest.get('metadata', {}).get('name', '')}"
    if kind == "ConfigMap":
        text = (manifest.get("data") or {}).get("pod_template_file.yaml")
        if text:
            yield f"{where}, the pods of tasks", yaml.safe_load(text)["spec"]
    if kind not in POD_KINDS:
        return
    spec = manifest["spec"]
    if kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    yield where, spec if kind == "Pod" else spec["template"]["spec"]


def _unconfined(container: Mapping[str, Any]) -> Iterator[str]:
    context = container.get("securityContext") or {}
    if context.get("allowPrivilegeEscalation") is not False:
        yield "privileges may be escalated"
    if (context.get("capabilities") or {}).get("drop") != ["ALL"]:
        yield "capabilities are not dropped"
    if "memory" not in ((container.get("resources") or {}).get("limits") or {}):
        yield "memory is not bounded"


def _lacking(container: Mapping[str, Any], content: set[str]) -> Iterator[str]:
    """Yield the commands and paths that the container calls and the image has not."""
    mounts = [mount["mountPath"] for mount in container.get("volumeMounts") or []]
    for command in _commands(container):
        for word in _called(command):
            mounted = any(word == mount or word.startswith(f"{mount}/") for mount in mounts)
            if word not in content and not mounted:
                yield f"calls {word}"


def _commands(container: Mapping[str, Any]) -> Iterator[list[str]]:
    # The image has no entry point, so that args alone are a whole command.
    own = [*(container.get("command") or []), *(container.get("args") or [])]
    if own:
        yield own
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        command = ((container.get(probe) or {}).get("exec") or {}).get("command")
        if command:
            yield command


def _called(command: list[str]) -> set[str]:
    """Return the program of a command, and every absolute path in it."""
    program, *rest = command
    words = {program}
    script = rest[-1] if program in SHELLS and rest and re.search(r"\s", rest[-1]) else ""
    for line in script.splitlines():
        plain = re.sub(r"^\s*(?:\w+=\S*\s+)*(?:exec\s+)?", "", line).split()
        words |= {plain[0]} & {"airflow", "factorprism", "python", "alive"} if plain else set()
    paths = re.findall(r"(?<![\w$}.:/=\"'])/[\w.-]+(?:/[\w.-]+)*", " ".join(rest))
    return words | {path for path in paths if not path.startswith("/dev/")}
