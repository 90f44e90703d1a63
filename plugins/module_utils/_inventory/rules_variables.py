# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about single variables: their names, types and forms (pure)."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from .finding import ERROR, URL_LOGIN, WARNING, Finding, shown
from .model import Inventory, Surroundings
from .schema import BY_NAME, CONTROL_PLANE, FACTS, PREFIX, VARIABLES, Variable

NODE_DOCUMENTS = ("InitConfiguration", "JoinConfiguration")
BOOLEANS = ("yes", "no", "true", "false", "on", "off", "1", "0")
TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
POD_SECURITY_LEVELS = ("privileged", "baseline", "restricted")
POD_SECURITY_MODES = ("enforce", "audit", "warn")
ADDONS = ("coredns", "kube-proxy")
ETCD_FILES = ("ca_file", "cert_file", "key_file")
# An image reference begins with it.
REGISTRY = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")
EXTRA_ARGS = tuple(variable.name for variable in VARIABLES if variable.name.endswith("_extra_args"))
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
LABEL_KEY = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def unknown_variables(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """A misspelt variable changes nothing, silently."""
    for host in inventory.hosts:
        for name, value in inventory.variables.get(host, {}).items():
            if name.startswith(PREFIX) and name not in BY_NAME and name not in FACTS:
                close = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.6)
                hint = f"did you mean {close[0]}?" if close else "docs/variables.md lists them all"
                yield Finding(
                    "variables.unknown",
                    ERROR,
                    "no such variable",
                    hint,
                    hosts=(host,),
                    variable=name,
                    # A misspelt kubeops_registry_auth still holds passwords.
                    value=_article(type(value).__name__) if isinstance(value, (dict, list)) else shown(value),
                )


def types_and_choices(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Every variable against the schema, on every host."""
    for host in inventory.hosts:
        for variable in VARIABLES:
            value = inventory.variables.get(host, {}).get(variable.name)
            if value is not None:
                yield from _against_schema(variable, value, host)


def _against_schema(variable: Variable, value: Any, host: str) -> Iterator[Finding]:
    if not has_type(value, variable.type):
        seen = type(value).__name__
        message = f"must be {_article(variable.type)}, and is {_article(seen)}"
        yield _about(variable, value, host, "variables.type", message, _type_fix(variable, value))
    elif variable.choices and value not in variable.choices:
        choices = ", ".join(map(str, variable.choices))
        close = difflib.get_close_matches(str(value), [str(choice) for choice in variable.choices], n=1)
        hint = f"did you mean {close[0]}? Choices: {choices}" if close else f"use one of {choices}"
        yield _about(variable, value, host, "variables.choice", "is none of the choices", hint)


def has_type(value: Any, wanted: str) -> bool:
    """Text from the command line counts where it reads as the type, as Ansible has it."""
    if wanted == "int":
        return not isinstance(value, bool) and (isinstance(value, int) or str(value).lstrip("-").isdigit())
    if wanted == "bool":
        return isinstance(value, bool) or str(value).lower() in BOOLEANS
    if wanted == "list":
        return isinstance(value, (list, tuple))
    if wanted == "dict":
        return isinstance(value, Mapping)
    return isinstance(value, str)


def _type_fix(variable: Variable, value: Any) -> str:
    if variable.choices and isinstance(value, bool):
        return f"YAML reads a bare on, off, yes or no as true or false; quote it: '{'on' if value else 'off'}'"
    if variable.type == "str":
        return f"put it in quotes: {variable.name}: '{value}'"
    example = {"list": "[a, b]", "dict": "{key: value}", "int": "6443", "bool": "true"}[variable.type]
    return f"write it as {variable.name}: {example}"


def _article(name: str) -> str:
    words = {
        "str": "text",
        "int": "a whole number",
        "float": "a number with a fraction",
        "bool": "true or false",
        "list": "a list",
        "dict": "a mapping",
    }
    plain = next((known for known in words if known in name.lower()), "")
    return words.get(plain, name)


def _about(variable: Variable, value: Any, host: str, rule: str, message: str, fix: str) -> Finding:
    text = "(hidden)" if variable.secret else shown(value)
    return Finding(rule, ERROR, message, fix, hosts=(host,), variable=variable.name, value=text)


def differing(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Variables of the cluster have one value; where a node lacks it, the default is its value."""
    for variable in VARIABLES:
        if variable.same or variable.control_plane_same:
            hosts = inventory.nodes if variable.same else inventory.control_planes
            values = {host: inventory.value(variable.name, host) for host in hosts}
            first = {_of_cluster(variable, values[host]): host for host in reversed(hosts)}
            if len(first) > 1:
                listed = ", ".join(f"{shown(values[host]) or 'empty'} on {host}" for __, host in sorted(first.items()))
                yield Finding(
                    "variables.differ",
                    ERROR,
                    f"has several values, but the cluster has one: {listed}",
                    f"set it once, in group_vars/{'all' if variable.same else CONTROL_PLANE}",
                    variable=variable.name,
                    value=shown(values[hosts[0]]),
                )


def _of_cluster(variable: Variable, value: Any) -> str:
    """What has to be the same of a value, as text. Documents of kubeadm that are a node's own may differ."""
    if variable.name == "kubeops_kubeadm_extra" and isinstance(value, Mapping):
        value = {kind: overlay for kind, overlay in value.items() if kind not in NODE_DOCUMENTS}
    return json.dumps(value, sort_keys=True, default=str) if isinstance(value, (Mapping, list)) else str(value)


def feature_gates(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Gates are true or false."""
    for name, value in _mapping(inventory, "kubeops_feature_gates").items():
        if not isinstance(value, bool):
            yield Finding(
                "variables.feature_gate",
                ERROR,
                f"the feature gate {name} is neither true nor false",
                f"write {name}: true or {name}: false, without quotes",
                variable="kubeops_feature_gates",
                value=f"{name}: {shown(value)}",
            )


def extra_args(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Flags are named without dashes, and their values are plain."""
    for variable in EXTRA_ARGS:
        for name, value in _mapping(inventory, variable).items():
            if str(name).startswith("-"):
                plain = str(name).lstrip("-")
                message, fix = "a flag's name has no dashes here", f"write {plain}: {shown(value)}"
            elif isinstance(value, Mapping) or value is None:
                message, fix = f"the flag {name} has no plain value", f"write {name}: 'value'"
            else:
                continue
            value_text = f"{name}: {shown(value)}"
            yield Finding("variables.extra_args", ERROR, message, fix, variable=variable, value=value_text)


def taints(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/"""
    for host in inventory.nodes:
        given = inventory.value("kubeops_node_taints", host)
        for taint in given if isinstance(given, (list, tuple)) else ():
            problem = _taint_problem(taint)
            if problem:
                yield Finding(
                    "variables.taint",
                    ERROR,
                    problem,
                    "write {key: example.com/gpu, value: 'true', effect: NoSchedule}",
                    hosts=(host,),
                    variable="kubeops_node_taints",
                    value=shown(taint),
                )


def _taint_problem(taint: Any) -> str:
    if not isinstance(taint, Mapping):
        return "a taint is a mapping of key, value and effect"
    if not LABEL_KEY.fullmatch(str(taint.get("key", ""))):
        return "the taint has no valid key"
    if taint.get("effect") not in TAINT_EFFECTS:
        return f"the effect is none of {', '.join(TAINT_EFFECTS)}"
    unknown = [str(key) for key in taint if key not in ("key", "value", "effect")]
    return f"unknown keys: {', '.join(unknown)}" if unknown else ""


def labels(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Keys and values have the characters Kubernetes allows."""
    for host in inventory.nodes:
        given = inventory.value("kubeops_node_labels", host)
        for key, value in given.items() if isinstance(given, Mapping) else ():
            if isinstance(value, bool) or not (LABEL_KEY.fullmatch(str(key)) and LABEL_VALUE.fullmatch(str(value))):
                yield Finding(
                    "variables.label",
                    ERROR,
                    "is no valid label",
                    f"a label is text of letters, digits, '-', '_' and '.': {key}: 'value'",
                    hosts=(host,),
                    variable="kubeops_node_labels",
                    value=f"{key}: {shown(value)}",
                )


def registry_mirrors(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Registry name to a list of URLs."""
    for hosts, given in _each(inventory, "kubeops_registry_mirrors"):
        for registry, mirrors in given.items() if isinstance(given, Mapping) else ():
            listed = mirrors if isinstance(mirrors, (list, tuple)) else []
            bad = [mirror for mirror in listed if not is_url(mirror)]
            if "/" in str(registry) or not listed or bad:
                yield Finding(
                    "variables.registry_mirror",
                    ERROR,
                    "a mirror is given as a registry's name (no scheme, no path) and a list of http or https URLs",
                    f"write {_plain(registry)}: ['https://mirror.example.com:5000']",
                    hosts=_where(inventory, hosts),
                    variable="kubeops_registry_mirrors",
                    value=f"{registry}: {shown(mirrors)}",
                )


def registry_auth(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Registry name to username and password, as every runtime takes them; values are not shown."""
    for hosts, given in _each(inventory, "kubeops_registry_auth"):
        for registry, login in given.items() if isinstance(given, Mapping) else ():
            if not REGISTRY.fullmatch(str(registry)):
                message = "a registry is named by host, or host:port, without scheme and path"
            elif not isinstance(login, Mapping) or set(login) != {"username", "password"}:
                message = "credentials are a username and a password, and nothing else"
            elif not all(isinstance(value, str) and value for value in login.values()):
                message = "username and password are text that is not empty"
            else:
                continue
            yield Finding(
                "variables.registry_auth",
                ERROR,
                message,
                f"write {_plain(registry)}: {{username: ..., password: ...}}, both in quotes",
                hosts=_where(inventory, hosts),
                variable="kubeops_registry_auth",
                value=f"{URL_LOGIN.sub('//***@', str(registry))}: (hidden)",
            )


def _plain(registry: Any) -> str:
    """What of it is host:port."""
    return str(registry).rsplit("//", maxsplit=1)[-1].split("/", maxsplit=1)[0].rpartition("@")[2]


def proxies(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Proxies are URLs; the value may carry a password and is not shown."""
    for name in ("kubeops_http_proxy", "kubeops_https_proxy"):
        for hosts, value in _each(inventory, name):
            if value and not is_url(value):
                yield Finding(
                    "variables.proxy",
                    ERROR,
                    "is no http or https URL",
                    f"write {name}: http://proxy.example.com:3128",
                    hosts=_where(inventory, hosts),
                    variable=name,
                    value="(hidden)",
                )


def proxy_password(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """The environment of a module stands in the process list of the node."""
    for name in ("kubeops_http_proxy", "kubeops_https_proxy"):
        for hosts, value in _each(inventory, name):
            if "@" in str(value) and _from_repository(inventory, hosts):
                yield Finding(
                    "variables.proxy_password",
                    WARNING,
                    "carries a password: the container runtime uses it, packages and their keys are fetched without it",
                    "give the nodes' package manager a proxy of its own, and name a file in kubeops_repository_key",
                    hosts=_where(inventory, hosts),
                    variable=name,
                    value="(hidden)",
                )


def _from_repository(inventory: Inventory, hosts: Sequence[str]) -> bool:
    return any(inventory.value("kubeops_package_source", host) == "repository" for host in hosts)


def is_url(value: Any) -> bool:
    """http or https, with a host and a valid port."""
    try:
        parts = urlsplit(str(value))
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def pod_security(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    for mode, level in _mapping(inventory, "kubeops_pod_security").items():
        plain = str(mode)
        if plain in POD_SECURITY_MODES and level not in POD_SECURITY_LEVELS:
            message, fix = f"{plain} is none of the levels", f"use one of {', '.join(POD_SECURITY_LEVELS)}"
        elif plain.split("-", maxsplit=1)[0] not in (*POD_SECURITY_MODES, "exemptions"):
            message, fix = f"{plain} is none of the modes", f"use {', '.join(POD_SECURITY_MODES)}"
        else:
            continue
        value = f"{plain}: {shown(level)}"
        yield Finding("variables.pod_security", ERROR, message, fix, variable="kubeops_pod_security", value=value)


def addons(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """kubeadm knows two."""
    given = inventory.value("kubeops_addons")
    unknown = [str(name) for name in given if name not in ADDONS] if isinstance(given, (list, tuple)) else []
    if unknown:
        yield Finding(
            "variables.addon",
            ERROR,
            f"kubeadm installs no addon called {', '.join(unknown)}",
            f"use {' and '.join(ADDONS)}, or leave some out",
            variable="kubeops_addons",
            value=shown(given),
        )


def kubelet_overlay(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """The overlay must not contradict the typed variables."""
    overlay = _mapping(inventory, "kubeops_kubelet_config")
    driver = inventory.value("kubeops_cgroup_driver")
    if overlay.get("cgroupDriver", driver) != driver:
        yield Finding(
            "variables.kubelet_overlay",
            ERROR,
            f"kubeops_cgroup_driver is {driver}: kubelet and container runtime would differ",
            f"set kubeops_cgroup_driver to {overlay['cgroupDriver']} and leave it out of kubeops_kubelet_config",
            variable="kubeops_kubelet_config",
            value=f"cgroupDriver: {overlay['cgroupDriver']}",
        )
    if inventory.value("kubeops_swap") == "tolerate" and overlay.get("failSwapOn") is True:
        yield Finding(
            "variables.kubelet_overlay",
            ERROR,
            "kubeops_swap is tolerate, but the kubelet is told to fail where there is swap",
            "leave failSwapOn out, or set kubeops_swap to 'off'",
            variable="kubeops_kubelet_config",
            value="failSwapOn: true",
        )


def files_on_controller(inventory: Inventory, around: Surroundings) -> Iterator[Finding]:
    """What a variable names has to be there."""
    etcd = _mapping(inventory, "kubeops_external_etcd")
    named: list[tuple[str, tuple[str, ...], Any]] = [
        *(
            (name, hosts, value)
            for name in ("kubeops_patches", "kubeops_repository_key")
            for hosts, value in _each(inventory, name)
        ),
        ("kubeops_audit_policy", inventory.hosts, inventory.value("kubeops_audit_policy")),
        *((f"kubeops_external_etcd.{key}", inventory.hosts, etcd.get(key)) for key in ETCD_FILES),
    ]
    for variable, hosts, value in named:
        path = str(value or "")
        built_in = variable == "kubeops_audit_policy" and path == "default"
        if not path or built_in or "://" in path:
            continue
        if not path.startswith("/"):
            yield Finding(
                "variables.file_relative",
                ERROR,
                "is no whole path: roles and this check would each look for it in another directory",
                f"begin it with a directory, such as {{{{ inventory_dir }}}}/{path}",
                hosts=_where(inventory, hosts),
                variable=variable,
                value=path,
            )
        elif not around.exists(path):
            yield Finding(
                "variables.file_missing",
                ERROR,
                "no such file or directory on the controller",
                "correct the path, or put the file there",
                hosts=_where(inventory, hosts),
                variable=variable,
                value=path,
            )


def external_etcd(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """All of it, or none."""
    given = _mapping(inventory, "kubeops_external_etcd")
    if not given:
        return
    endpoints = given.get("endpoints")
    listed = endpoints if isinstance(endpoints, (list, tuple)) else []
    missing = [key for key in ETCD_FILES if not given.get(key)]
    if not listed or not all(is_url(endpoint) for endpoint in listed):
        message = "endpoints is no list of URLs"
    elif missing and str(listed[0]).startswith("https"):
        message = f"{', '.join(missing)} missing"
    elif unknown := [str(key) for key in given if key not in ("endpoints", *ETCD_FILES)]:
        message = f"unknown keys: {', '.join(unknown)}"
    else:
        return
    yield Finding(
        "variables.external_etcd",
        ERROR,
        message,
        "give endpoints (https://host:2379), ca_file, cert_file and key_file",
        variable="kubeops_external_etcd",
        value=shown(dict(given)),
    )


def repository(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Without encryption packages still have signatures; without a valid URL there is nothing."""
    for hosts, value in _each(inventory, "kubeops_repository_url"):
        if _from_repository(inventory, hosts) and not is_url(value):
            yield Finding(
                "variables.repository_url",
                ERROR,
                "is no http or https URL",
                "write kubeops_repository_url: https://pkgs.k8s.io/core:/stable:",
                hosts=_where(inventory, hosts),
                variable="kubeops_repository_url",
                value=shown(value),
            )


def image_repository(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """An image reference has no scheme."""
    value = str(inventory.value("kubeops_image_repository"))
    if "://" in value or value.endswith("/"):
        yield Finding(
            "variables.image_repository",
            ERROR,
            "a registry is written without scheme and without a slash at the end",
            f"write kubeops_image_repository: {value.rsplit('://', maxsplit=1)[-1].rstrip('/')}",
            variable="kubeops_image_repository",
            value=value,
        )


def ignored_preflight(inventory: Inventory, __: Surroundings) -> Iterator[Finding]:
    """Ignoring everything hides what kubeadm would have said."""
    for hosts, given in _each(inventory, "kubeops_ignore_preflight"):
        if isinstance(given, (list, tuple)) and "all" in [str(name).lower() for name in given]:
            yield Finding(
                "variables.ignore_all",
                WARNING,
                "none of kubeadm's own checks will stop anything",
                "name the checks to ignore",
                hosts=_where(inventory, hosts),
                variable="kubeops_ignore_preflight",
                value=shown(given),
            )


def _each(inventory: Inventory, name: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every value of a variable that may differ between hosts, with the hosts that have it."""
    values = {host: inventory.value(name, host) for host in inventory.hosts}
    hosts: dict[str, list[str]] = {}
    for host, value in values.items():
        hosts.setdefault(repr(value), []).append(host)
    return [(tuple(owners), values[owners[0]]) for owners in hosts.values()]


def _where(inventory: Inventory, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """The hosts to name; none where it is all of them."""
    return () if hosts == inventory.hosts else hosts


def _mapping(inventory: Inventory, name: str) -> Mapping[Any, Any]:
    value = inventory.value(name)
    return value if isinstance(value, Mapping) else {}


RULES = (
    unknown_variables,
    types_and_choices,
    differing,
    feature_gates,
    extra_args,
    taints,
    labels,
    registry_mirrors,
    registry_auth,
    proxies,
    proxy_password,
    pod_security,
    addons,
    kubelet_overlay,
    files_on_controller,
    external_etcd,
    repository,
    image_repository,
    ignored_preflight,
)
