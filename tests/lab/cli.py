# Copyright (c) 2026, The Matriarch authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from . import apt, prerequisites
from .errors import LabError
from .inventory import as_ini, as_json
from .lab import Lab
from .lifecycle import PACKAGES

Verb = Callable[[Lab, argparse.Namespace], None]


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    os.umask(0o022)
    try:
        if os.geteuid():
            raise LabError("the lab makes bridges, mounts and control groups: run it as root")
        options.act(Lab(options.lab, tell=_tell), options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="lab", description="Throw-away test hosts on this machine.")
    default = os.environ.get("MATRIARCH_LAB") or "demo"
    top.add_argument("--lab", default=default, help="which lab (default: $MATRIARCH_LAB or demo)")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--lab", default=argparse.SUPPRESS, help=argparse.SUPPRESS)
    verbs = top.add_subparsers(metavar="VERB", required=True)

    def verb(name: str, act: Verb, text: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text, parents=[shared])
        made.set_defaults(act=act)
        return made

    _lifecycle(verb)
    _faults(verb)
    _ways_in(verb)
    return top


def _lifecycle(verb: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    up = verb("up", _up, "create the hosts that are missing, boot all of them and wait")
    up.add_argument("--suite", choices=apt.SUITES, help="Debian release of new hosts (default: trixie)")
    up.add_argument("--packages", choices=PACKAGES, help="new hosts find known downloads (cached, the default) or none")
    _names(up, "+")
    down = verb("down", _down, "switch hosts off; without names: all of them, and the lab's network")
    down.add_argument("--purge", action="store_true", help="remove disks, keys and addresses, too")
    _names(down, "*")
    start = verb("start", _start, "boot again from the disks as they were left")
    start.add_argument("--no-wait", dest="wait", action="store_false", help="return at once")
    _names(start, "+")
    verb("status", _status, "print name, address, suite and state of every host")
    inventory = verb("inventory", _inventory, "print how Ansible reaches the hosts")
    inventory.add_argument("--format", choices=("ini", "json"), default="ini")
    _names(verb("harvest", _harvest, "keep what hosts downloaded with apt for hosts to come"), "*")
    verb("install-prerequisites", _install_prerequisites, "install what this machine lacks for a lab")


def _faults(verb: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    _names(verb("kill", lambda lab, o: lab.power_cut(*o.names), "cut the power"), "+")
    freeze = verb("freeze", lambda lab, o: lab.freeze(*o.names, vm=o.vm), "stop every process")
    freeze.add_argument("--vm", action="store_true", help="the network card, too: a paused virtual machine")
    _names(freeze, "+")
    _names(verb("thaw", lambda lab, o: lab.thaw(*o.names), "undo freeze"), "+")
    _names(verb("partition", lambda lab, o: lab.partition(*o.names), "put hosts together on an island"), "+")
    _names(verb("heal", lambda lab, o: lab.heal(*o.names), "undo partition (default: of all hosts)"), "*")
    block = verb("block", _block, "drop packets inside a host's network")
    block.add_argument("name", metavar="NAME")
    block.add_argument("--port", type=int, action="append", default=[], help="TCP port, may be repeated (default: all)")
    block.add_argument("--peer", action="append", default=[], help="host, may be repeated (default: everybody)")
    block.add_argument("--percent", type=int, default=100, help="drop only so many of 100 packets at random")
    block.add_argument("--answers", action="store_true", help="drop only the data that it sends from those ports")
    slow = verb("delay", _delay, "delay every frame from and to a host")
    slow.add_argument("name", metavar="NAME")
    slow.add_argument("milliseconds", metavar="MILLISECONDS", type=float, help="each way; 0 undoes it")
    _names(verb("unblock", _unblock, "undo block and tell how many packets it dropped"), "+")


def _ways_in(verb: Callable[[str, Verb, str], argparse.ArgumentParser]) -> None:
    for name, act, text in (
        ("ssh", _ssh, "log in as root, or run a command so"),
        ("exec", _exec, "run a command inside without using the network"),
        ("netns", _netns, "run a program of this machine in the host's network"),
    ):
        made = verb(name, act, text)
        made.add_argument("name", metavar="NAME")
        made.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER)


def _names(verb: argparse.ArgumentParser, count: str) -> None:
    verb.add_argument("names", metavar="NAME", nargs=count)


def _up(lab: Lab, options: argparse.Namespace) -> None:
    lab.up(*options.names, suite=options.suite, packages=options.packages)


def _down(lab: Lab, options: argparse.Namespace) -> None:
    lab.down(*options.names, purge=options.purge)


def _start(lab: Lab, options: argparse.Namespace) -> None:
    lab.start(*options.names, wait=options.wait)


def _status(lab: Lab, _options: argparse.Namespace) -> None:
    for entry in lab.status():
        print(entry.name, entry.address, entry.suite, entry.state)


def _inventory(lab: Lab, options: argparse.Namespace) -> None:
    print(as_json(lab.status()) if options.format == "json" else as_ini(lab.status()))


def _harvest(lab: Lab, options: argparse.Namespace) -> None:
    _tell(f"{lab.harvest(*options.names)} new packages kept")


def _install_prerequisites(_lab: Lab, _options: argparse.Namespace) -> None:
    _tell(f"installed: {' '.join(prerequisites.install()) or 'nothing, all is there'}")


def _block(lab: Lab, options: argparse.Namespace) -> None:
    lab.block(options.name, ports=options.port, peers=options.peer, percent=options.percent, answers=options.answers)


def _delay(lab: Lab, options: argparse.Namespace) -> None:
    lab.delay(options.name, options.milliseconds)


def _unblock(lab: Lab, options: argparse.Namespace) -> None:
    _tell(f"{lab.unblock(*options.names)} packets dropped")


def _ssh(lab: Lab, options: argparse.Namespace) -> None:
    _become([*lab.ssh_command(options.name), *_command(options, default=[])])


def _exec(lab: Lab, options: argparse.Namespace) -> None:
    _become([*lab.exec_command(options.name), *_command(options, default=["bash", "-l"])])


def _netns(lab: Lab, options: argparse.Namespace) -> None:
    _become([*lab.netns_command(options.name), *_command(options, default=["bash"])])


def _command(options: argparse.Namespace, default: list[str]) -> list[str]:
    words: list[str] = options.command
    return (words[1:] if words[:1] == ["--"] else words) or default


def _become(command: list[str]) -> None:
    sys.stdout.flush()
    os.execvp(command[0], command)


def _tell(line: str) -> None:
    print(line, flush=True)
