"""Which tests a run of the scenario consists of: $MATRIARCH_FAULTS says it. Pure."""

from __future__ import annotations

# What users fear most, in the time of a coffee; the checker is put to the test, too.
SHORT = (
    "A01 A02 A06 A10 B01 B02 B03 C01 C03 D02 F02 F09 F12 G01 H02 J02 J08",
    ["test_J01_operator_dies_during_a_deployment[0.4]", "test_local_commits_are_found_out"],
)
WHICH = ("short", "all", "random", "soak")


def selected(test: str, which: str) -> bool:
    """Whether the test, by its name with parameters, belongs to a run of that kind; ValueError for no such kind."""
    if which not in WHICH:
        raise ValueError(f"MATRIARCH_FAULTS is one of {', '.join(WHICH)}, not {which}")
    endless = next((kind for kind in ("random", "soak") if test.startswith(f"test_{kind}")), None)
    if endless or which in ("random", "soak"):
        return which == endless or (which == "all" and endless == "random")
    ids, names = SHORT
    return which == "all" or any(is_meant(test, name) for name in names) or test.removeprefix("test_")[:3] in ids


def is_meant(test: str, wanted: str) -> bool:
    """Whether it is that test; the cluster that it runs on is a parameter as well, so that one of several is enough."""
    (name, parameters), (wanted_name, parameter) = (each.rstrip("]").partition("[")[::2] for each in (test, wanted))
    return name == wanted_name and (not parameter or parameter in parameters.split("-"))
