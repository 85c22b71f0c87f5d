"""etcd that has no majority, or takes no more."""

from __future__ import annotations

from faults.budget import Budget
from faults.fault import Fault, gap
from faults.load import DIRECT, POOLED, RW
from faults.wholeness import ETCDCTL, TLS
from integration.operations import play

ALARM = f"""
cd {TLS}
member=$({ETCDCTL} --write-out=json endpoint status | grep -o '"member_id":[0-9]*' | cut -d : -f 2)
python3 - "$member" <<'END'
import json, ssl, sys, urllib.request
context = ssl.create_default_context(cafile="ca.crt")
context.load_cert_chain("host.crt", "host.key")
asked = json.dumps({{"action": "ACTIVATE", "memberID": sys.argv[1], "alarm": "NOSPACE"}}).encode()
urllib.request.urlopen("https://127.0.0.1:2379/v3/maintenance/alarm", asked, context=context, timeout=10)
END
"""
NOBODY_LISTENS = ("Connection refused", "No such file or directory")  # psql's words for a socket
ETCD_SAYS = "journalctl --unit=etcd --since=-30s --output=cat"
REFUSED = "in the initial cluster configuration"  # etcd's words, of its own name that it does not find
WIPE = "systemctl stop etcd; find /var/lib/etcd -mindepth 1 -delete; systemctl start --no-block etcd"


class EtcdWithoutMajority(Fault):
    """etcd stops on the standbys' hosts. With failsafe mode the leader goes on: every member answers it."""

    seconds = 60.0

    def inject(self) -> None:
        for name in self.standbys:
            self.arena.run(name, "systemctl", "stop", "etcd")

    def acts(self) -> bool:
        states = [self.arena.shell(name, "systemctl is-active etcd || :") for name in self.standbys]
        return states == ["inactive"] * len(self.standbys)

    def heal(self) -> None:
        for name in self.standbys:
            self.arena.run(name, "systemctl", "start", "--no-block", "etcd")

    def budget(self) -> Budget:
        promised = self.arena.bound("postgresql_crash")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class EtcdWithoutMajorityNorFailsafe(EtcdWithoutMajority):
    """The same without failsafe mode: no writes until etcd is back, and then again without anybody's help."""

    seconds = 30.0

    def prepare(self) -> None:
        self.arena.configure(failsafe_mode="false")

    def restore(self) -> None:
        self.arena.configure(failsafe_mode="true")

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(
            gap=gap(promised, POOLED, RW, DIRECT, besides=self.seconds),
            silent_after=float(str(self.arena.configuration()["ttl"])),
        )


class EtcdWithoutMajorityAndAStandbyDies(EtcdWithoutMajority):
    """Failsafe mode wants every member to answer: without one the leader takes no writes until etcd is back."""

    seconds = 30.0

    def inject(self) -> None:
        super().inject()
        self.arena.lab.power_cut(self.standbys[0])

    def acts(self) -> bool:
        return self.arena.lab.state(self.standbys[0]) == "off" and self._takes_no_writes()

    def _takes_no_writes(self) -> bool:
        """A standby now, or not there: where Patroni was too late to demote it, the guard has killed it.

        Patroni does not start without etcd, so that nobody starts PostgreSQL then.
        """
        try:
            return self.arena.sql(self.leader, "SELECT pg_is_in_recovery()") == "t"
        except RuntimeError as error:
            return any(words in str(error) for words in NOBODY_LISTENS)

    def heal(self) -> None:
        """The etcd that can be started on its own first: the host may not come back."""
        self.arena.run(self.standbys[1], "systemctl", "start", "--no-block", "etcd")
        self.arena.lab.start(self.standbys[0])
        super().heal()

    def budget(self) -> Budget:
        promised = self.arena.bound("host_lost_with_etcd_leader")
        return Budget(gap=gap(promised, besides=self.seconds), silent_after=0)


class EtcdFull(Fault):
    """etcd raises its alarm that there is no room and refuses every write, until our playbook disarms it."""

    seconds = 30.0

    def inject(self) -> None:
        self.arena.shell(self.leader, ALARM)

    def acts(self) -> bool:
        refused = self.arena.shell(self.leader, f"{ETCDCTL} put /matriarch-test/full yes 2>&1 || :")
        return "database space exceeded" in refused

    def heal(self) -> None:
        disarmed = play(self.arena.cluster, "etcd_maintenance", etcd_maintenance_action="disarm")
        if not disarmed.ok:
            self.arena.shell(self.leader, f"{ETCDCTL} alarm disarm")
            raise RuntimeError(f"the alarm was not disarmed: {disarmed.tail}")

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")


class EtcdMemberWiped(Fault):
    """An etcd member has lost all it knew: it must not come back as somebody new, and the next run lets it join."""

    seconds = 15.0

    def inject(self) -> None:
        self.arena.shell(self.standbys[0], WIPE)

    def acts(self) -> bool:
        """It does not know whom to begin with, and does not run."""
        said = self.arena.shell(self.standbys[0], ETCD_SAYS)
        state = self.arena.shell(self.standbys[0], "systemctl is-active etcd || :")
        return REFUSED in said and state != "active"

    def heal(self) -> None:
        deployed = play(self.arena.cluster, "site")
        if not deployed.ok:
            raise RuntimeError(f"the next run failed: {deployed.tail}")
        self.arena.shell(self.standbys[0], f"{ETCDCTL} endpoint health")

    def budget(self) -> Budget:
        promised = self.arena.bound("clean_stop")
        return Budget(gap=gap(promised), errors={POOLED: 0}, leadership="stays")
