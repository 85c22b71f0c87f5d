"""Members that cannot start, or are interrupted while they become a standby again."""

from __future__ import annotations

import time

from faults.arena import DATA, until
from faults.budget import Budget
from faults.fault import Fault, gap
from faults.nemesis.mutations import ALONE_SECONDS
from faults.nemesis.network import POSTGRESQL
from faults.nemesis.processes import KillPostmaster, PowerCut, SilentPatroni

UNKNOWN_SETTING = "no_such_setting_of_postgresql"
CONFIGURATION = "/etc/patroni/config.yml"
NOT_AGAIN = "/run/systemd/system/patroni.service.d/not-again.conf"
CATCH_SECONDS = 60
# Stopped where it is: a cut that comes a moment later still comes in the middle of its work. Patroni asks these
# programs for help as well, to see that they are there; and the bracket keeps who looks from finding itself.
REWINDS, COPIES = "[p]g_rewind .*--source-server", "[p]g_basebackup .*--pgdata"
CATCH = f"""
end=$(($(date +%s) + {CATCH_SECONDS}))
until pkill -STOP -f '{{work}}'; do test $(date +%s) -lt $end; sleep 0.005; done
"""

# So much that replaying it takes a moment, and nobody else has it.
MORE = "SET synchronous_commit = local; CREATE TABLE kept_by_nobody AS SELECT generate_series(1, 500000)"
# As Patroni starts it, and stops it again.
INTERRUPT_RECOVERY = f"""
cd {DATA}
touch standby.signal
chown postgres: standby.signal
runuser -u postgres -- sh -c "exec $(cat postmaster.opts)" > /run/recovery 2>&1 &
end=$(($(date +%s) + {CATCH_SECONDS}))
until grep --quiet 'redo starts' /run/recovery; do kill -0 $!; test $(date +%s) -lt $end; sleep 0.002; done
kill -INT $(head -n 1 postmaster.pid)
wait
rm /run/recovery
"""
CONTROL = "/usr/lib/postgresql/*/bin/pg_controldata " + DATA
INTERRUPTED = {"Database cluster state: shut down in recovery", "Minimum recovery ending location: 0/0"}


def until_another_leads(fault: Fault) -> None:
    asked = "SELECT pg_is_in_recovery()"
    until(
        "another member leads",
        CATCH_SECONDS,
        lambda: "f" in (fault.arena.sql(name, asked) for name in fault.standbys),
    )


class CannotStartAgain(KillPostmaster):
    """The postmaster dies, and a setting that PostgreSQL does not know keeps it from starting: another one leads."""

    seconds = 25.0
    until_moved = False

    def inject(self) -> None:
        self.arena.shell(self.leader, f"cd {DATA} && echo '{UNKNOWN_SETTING} = 1' >> postgresql.auto.conf")
        super().inject()

    def heal(self) -> None:
        self.arena.shell(self.leader, f"sed -i /{UNKNOWN_SETTING}/d {DATA}/postgresql.auto.conf")


class PatroniGone(SilentPatroni):
    """Patroni of the leader dies and nobody starts it: the guard has to stop PostgreSQL before another one leads."""

    until_moved = True

    def inject(self) -> None:
        script = f"mkdir -p $(dirname {NOT_AGAIN}); printf '[Service]\\nRestart=no\\n' > {NOT_AGAIN}"
        self.arena.shell(self.leader, f"{script}; systemctl daemon-reload; systemctl kill --signal=KILL patroni")

    def acts(self) -> bool:
        return self.arena.shell(self.leader, "systemctl is-active patroni || :") == "failed"

    def heal(self) -> None:
        self.arena.shell(self.leader, f"rm -f {NOT_AGAIN}; systemctl daemon-reload; systemctl start patroni")


class RewindInterrupted(PowerCut):
    """A former leader, which has more than the new one, loses its power in the middle of pg_rewind."""

    until_moved = False
    seconds = 5.0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=[POSTGRESQL], peers=self.standbys)
        time.sleep(ALONE_SECONDS)
        self.arena.shell(self.leader, f"kill -9 $(head -n 1 {DATA}/postmaster.pid)")
        # What it has sent in vain would still reach a standby before that.
        until_another_leads(self)
        self.arena.lab.unblock(self.leader)
        self.arena.shell(self.leader, CATCH.format(work=REWINDS))
        super().inject()

    def heal(self) -> None:
        super().heal()
        self.arena.lab.unblock(self.leader)


class RecoveryInterrupted(PatroniGone):
    """A former leader, which has more than the new one, is stopped while it replays that after its crash.

    It looks like a replica that was stopped properly, and pg_rewind finds nothing to rewind.
    """

    until_moved = False
    seconds = 5.0

    def inject(self) -> None:
        self.arena.lab.block(self.leader, ports=[POSTGRESQL], peers=self.standbys)
        self.arena.sql(self.leader, MORE)
        super().inject()
        until_another_leads(self)
        self.arena.lab.unblock(self.leader)
        self.arena.shell(self.leader, INTERRUPT_RECOVERY)

    def acts(self) -> bool:
        lines = self.arena.shell(self.leader, CONTROL).splitlines()
        return super().acts() and {" ".join(line.split()) for line in lines} >= INTERRUPTED

    def heal(self) -> None:
        self.arena.lab.unblock(self.leader)
        super().heal()


class CopyInterrupted(Fault):
    """A standby is made anew, and loses its power in the middle of the copy."""

    seconds = 5.0

    def inject(self) -> None:
        chosen = self.standbys[0]
        self.arena.run(chosen, "systemctl", "stop", "patroni")
        self.arena.shell(chosen, f"find {DATA} -mindepth 1 -delete; systemctl start --no-block patroni")
        self.arena.shell(chosen, CATCH.format(work=COPIES))
        self.arena.lab.power_cut(chosen)

    def acts(self) -> bool:
        return self.arena.lab.state(self.standbys[0]) == "off"

    def heal(self) -> None:
        self.arena.lab.start(self.standbys[0])

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("host_lost")), leadership="stays")


class NameTaken(Fault):
    """A standby's Patroni is started under the leader's name: it refuses, and the leader does not care."""

    seconds = 10.0
    since = "0"

    def inject(self) -> None:
        chosen = self.standbys[0]
        self.since = self.arena.shell(chosen, "date +%s")
        rename = f"cp -p {CONFIGURATION} {CONFIGURATION}.own; sed -i 's/^name: .*/name: {self.leader}/' {CONFIGURATION}"
        self.arena.shell(chosen, f"{rename}; systemctl restart patroni")

    def acts(self) -> bool:
        journal = f"journalctl --unit=patroni --since=@{self.since} --output=cat"
        return bool(self.arena.shell(self.standbys[0], f"{journal} | grep 'already a node named' || :"))

    def heal(self) -> None:
        restore = f"! test -e {CONFIGURATION}.own || mv {CONFIGURATION}.own {CONFIGURATION}"
        self.arena.shell(self.standbys[0], f"{restore}; systemctl restart patroni")

    def budget(self) -> Budget:
        return Budget(gap=gap(self.arena.bound("clean_stop")), leadership="stays")
