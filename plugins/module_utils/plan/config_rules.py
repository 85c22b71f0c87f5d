# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a declared dynamic configuration must fulfil. Pure.

Patroni answers 200 to a PATCH that it then ignores, lowers, or fails over. These rules say so beforehand. They are
read from Patroni 3.0 to 4.1: `config.py` (limits, local-only keys), `postgresql/config.py` (CMDLINE_OPTIONS: the
parameters it checks or sets itself) and `global_config.py` (defaults). All times are in seconds.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible_collections.matriarch.pgcluster.plugins.module_utils.model.parameter import PARAMETER_NAME

Rule = Callable[[object], bool]

TIMING_DEFAULTS = {"ttl": 30, "loop_wait": 10, "retry_timeout": 10}
LOCAL_SECTIONS = {
    *("name", "scope", "namespace", "restapi", "ctl", "log", "bootstrap", "watchdog", "tags", "citus"),
    *("etcd", "etcd3", "consul", "zookeeper", "kubernetes", "raft", "exhibitor"),
}
LOCAL_POSTGRESQL_KEYS = {
    *("connect_address", "proxy_address", "listen", "config_dir", "data_dir", "pgpass", "authentication"),
    *("bin_dir", "bin_name", "callbacks"),
}
SET_BY_PATRONI = {
    "listen_addresses": "Patroni takes it from postgresql.listen in patroni.yml",
    "port": "Patroni takes it from postgresql.listen in patroni.yml",
    "cluster_name": "Patroni takes it from scope in patroni.yml",
    "data_directory": "Patroni takes it from postgresql.data_dir in patroni.yml",
    "config_file": "Patroni writes and names that file itself",
    "primary_conninfo": "Patroni points every standby at the leader itself",
    "primary_slot_name": "Patroni names the slots itself",
}
BREAKS = re.compile(r"[\n\r\0]")
BOOLEAN_WORDS = frozenset({"on", "off", "true", "false", "yes", "no", "1", "0"})
TRUE_WORDS = frozenset({"on", "true", "yes", "1"})
KILOBYTES = {"kb": 1, "mb": 1024, "gb": 1024**2, "tb": 1024**3}


def is_boolean(value: object) -> bool:
    """What Patroni's parse_bool understands."""
    return isinstance(value, (bool, int, str)) and str(value).lower() in BOOLEAN_WORDS


def is_true(value: object) -> bool:
    """A boolean that is true."""
    return str(value).lower() in TRUE_WORDS


def whole_number(value: object) -> int | None:
    """The integer that Patroni's int() makes of a number or text; None for all else, and for truth values."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return int(value) if re.fullmatch(r"-?[0-9]{1,18}", str(value)) else None


def at_least(minimum: int) -> Rule:
    """A whole number that is not smaller."""

    def rule(value: object) -> bool:
        number = whole_number(value)
        return number is not None and number >= minimum

    return rule


def is_duration(value: object) -> bool:
    """Seconds, or a number with one of PostgreSQL's units of time."""
    return isinstance(value, (int, str)) and bool(re.fullmatch(r"[0-9]+ *(ms|s|min|h|d)?", str(value)))


def is_wal_size(value: object) -> bool:
    """At least 16 MB; a number without unit is megabytes."""
    match = re.fullmatch(r"([0-9]+) *([kKMGT]B)?", str(value))
    return bool(match) and int(match[1]) * KILOBYTES[(match[2] or "MB").lower()] >= 16 * 1024  # type: ignore[index]


def is_text_list(value: object) -> bool:
    """Lines of text, each one line."""
    return isinstance(value, list) and all(isinstance(line, str) and not BREAKS.search(line) for line in value)


def is_synchronous_mode(value: object) -> bool:
    """Off, on, or by quorum."""
    return is_boolean(value) or str(value).lower() == "quorum"


def is_mapping(value: object) -> bool:
    """A dictionary."""
    return isinstance(value, Mapping)


BOOLEAN: tuple[Rule, str] = (is_boolean, "true or false")

TOP_RULES: dict[str, tuple[Rule, str]] = {
    "ttl": (at_least(20), "a whole number of seconds, at least 20"),
    "loop_wait": (at_least(1), "a whole number of seconds, at least 1"),
    "retry_timeout": (at_least(3), "a whole number of seconds, at least 3"),
    "maximum_lag_on_failover": (at_least(0), "a whole number of bytes"),
    "maximum_lag_on_syncnode": (at_least(-1), "a whole number of bytes, or -1"),
    "max_timelines_history": (at_least(0), "a whole number"),
    "primary_start_timeout": (at_least(0), "a whole number of seconds"),
    "primary_stop_timeout": (at_least(0), "a whole number of seconds"),
    "master_start_timeout": (at_least(0), "a whole number of seconds"),
    "master_stop_timeout": (at_least(0), "a whole number of seconds"),
    "synchronous_mode": (is_synchronous_mode, "true, false or quorum"),
    "synchronous_mode_strict": BOOLEAN,
    "synchronous_node_count": (at_least(1), "a whole number, at least 1"),
    "failsafe_mode": BOOLEAN,
    "check_timeline": BOOLEAN,
    "pause": BOOLEAN,
    "member_slots_ttl": (is_duration, "seconds, or a number with ms, s, min, h or d"),
    "slots": (is_mapping, "a dictionary"),
    "permanent_slots": (is_mapping, "a dictionary"),
    "permanent_replication_slots": (is_mapping, "a dictionary"),
    "ignore_slots": (lambda value: isinstance(value, list), "a list"),
    "standby_cluster": (is_mapping, "a dictionary"),
    "postgresql": (is_mapping, "a dictionary"),
}
POSTGRESQL_RULES: dict[str, tuple[Rule, str]] = {
    "parameters": (is_mapping, "a dictionary"),
    "use_pg_rewind": BOOLEAN,
    "use_slots": BOOLEAN,
    "pg_hba": (is_text_list, "a list of lines"),
    "pg_ident": (is_text_list, "a list of lines"),
    "pg_ctl_timeout": (at_least(0), "a whole number of seconds"),
}
PARAMETER_RULES: dict[str, tuple[Rule, str]] = {
    "wal_level": (lambda v: str(v).lower() in ("replica", "hot_standby", "logical"), "replica or logical"),
    "hot_standby": (is_true, "on"),
    "max_connections": (at_least(25), "a whole number, at least 25"),
    "max_wal_senders": (at_least(3), "a whole number, at least 3"),
    "wal_keep_segments": (at_least(1), "a whole number, at least 1"),
    "wal_keep_size": (is_wal_size, "a size of at least 16MB"),
    "max_prepared_transactions": (at_least(0), "a whole number"),
    "max_locks_per_transaction": (at_least(32), "a whole number, at least 32"),
    "track_commit_timestamp": BOOLEAN,
    "max_replication_slots": (at_least(4), "a whole number, at least 4"),
    "max_worker_processes": (at_least(2), "a whole number, at least 2"),
    "wal_log_hints": BOOLEAN,
}


def problems_of(declared: Mapping[str, Any], after: Mapping[str, Any], patroni_version: str = "") -> list[str]:
    """All that is wrong with what is declared, in words; `after` is the whole configuration that would result."""
    return [
        *_broken(declared, TOP_RULES, ""),
        *_unknown(declared),
        *(_timing(after) if declared.keys() & TIMING_DEFAULTS.keys() else ()),
        *_quorum(declared, patroni_version),
        *_postgresql(declared, after),
    ]


def _broken(section: Mapping[str, Any], rules: Mapping[str, tuple[Rule, str]], prefix: str) -> Iterator[str]:
    for key, value in section.items():
        allowed, wanted = rules.get(key, (None, ""))
        if value is None:
            if wanted == "a dictionary":
                yield f"{prefix}{key} is null, which would remove it whole: name the keys to remove"
        elif allowed and not allowed(value):
            yield f"{prefix}{key} is {value!r}, but must be {wanted}"


def _unknown(declared: Mapping[str, Any]) -> Iterator[str]:
    """Local settings, and what looks like a slip of the pen. Keys that are merely new to us pass."""
    for key in declared:
        if key in LOCAL_SECTIONS:
            yield f"{key} is no dynamic setting: it belongs in each member's patroni.yml"
        elif key not in TOP_RULES and (close := difflib.get_close_matches(key, TOP_RULES, 1, 0.85)):
            yield f"{key} is no setting of Patroni, which would ignore it: {close[0]} is meant?"


def _timing(after: Mapping[str, Any]) -> Iterator[str]:
    """Patroni lowers loop_wait and retry_timeout in silence where they do not fit into ttl."""
    ttl, loop_wait, retry = (whole_number(after.get(key, default)) for key, default in TIMING_DEFAULTS.items())
    if ttl is None or loop_wait is None or retry is None:
        return
    if loop_wait + 2 * retry > ttl:
        yield (
            f"loop_wait {loop_wait} + 2 * retry_timeout {retry} = {loop_wait + 2 * retry} is more than ttl {ttl}: "
            "Patroni would lower them; raise ttl or lower one of the others"
        )


def _quorum(declared: Mapping[str, Any], patroni_version: str) -> Iterator[str]:
    """A Patroni before 4.0 takes the unknown word quorum for false: no synchronous replication at all."""
    major = re.match(r"[0-9]+", patroni_version)
    if major and int(major[0]) < 4 and str(declared.get("synchronous_mode")).lower() == "quorum":
        yield f"synchronous_mode quorum needs Patroni 4.0: this is {patroni_version}, which would take it for false"


def _postgresql(declared: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    section = declared.get("postgresql")
    if not isinstance(section, Mapping):
        return
    yield from _broken(section, POSTGRESQL_RULES, "postgresql.")
    for key in sorted(LOCAL_POSTGRESQL_KEYS & section.keys()):
        yield f"postgresql.{key} is no dynamic setting: it belongs in each member's patroni.yml"
    parameters = section.get("parameters")
    if isinstance(parameters, Mapping):
        yield from _parameters({name: value for name, value in parameters.items() if value is not None}, after)


def _parameters(parameters: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    prefix = "postgresql.parameters."
    for name, times in Counter(str(name).lower() for name in parameters).items():
        if times > 1:
            yield f"{prefix}{name} is declared {times} times: names of parameters do not differ by case"
    for name, value in parameters.items():
        if not PARAMETER_NAME.fullmatch(str(name)):
            yield f"{prefix}{name!r} is no name of a parameter"
        elif isinstance(value, (Mapping, list)):
            yield f"{prefix}{name} is {value!r}, but must be one text, number or switch"
        elif BREAKS.search(str(value)):
            yield f"{prefix}{name} contains a line break or a null character"
        elif str(name).lower() in SET_BY_PATRONI:
            yield f"{prefix}{name} would be ignored: {SET_BY_PATRONI[str(name).lower()]}"
    lowered = {str(name).lower(): value for name, value in parameters.items()}
    yield from _broken(lowered, PARAMETER_RULES, prefix)
    if "synchronous_standby_names" in lowered and _is_synchronous(after):
        yield f"{prefix}synchronous_standby_names would be ignored: with synchronous_mode, Patroni sets it itself"


def _is_synchronous(config: Mapping[str, Any]) -> bool:
    mode = config.get("synchronous_mode")
    return is_true(mode) or str(mode).lower() == "quorum"
