"""The faults that can be put in, by their ids."""

from __future__ import annotations

import random
from collections.abc import Iterator

from faults.fault import Fault
from faults.nemesis import (
    bystanders,
    certificates,
    clock,
    etcd_disk,
    etcd_slow,
    failing_disk,
    full_disk,
    handover,
    hanging_disk,
    network,
    operators,
    processes,
    replication,
    starting,
    store,
)

FAULTS: dict[str, type[Fault]] = {
    "A01": processes.KillPostmasterThatMayRestart,
    "A02": processes.KillPostmaster,
    "A03": bystanders.KilledBackend,
    "A04": starting.CannotStartAgain,
    "A06": processes.KillPatroni,
    "A07": starting.PatroniGone,
    "A08": processes.SilentPatroni,
    "A09": processes.Frozen,
    "A10": processes.PowerCut,
    "A11": processes.AllPowerCut,
    "A12": bystanders.StandbyPowerCut,
    "A15": bystanders.KilledEtcd,
    "A16": bystanders.KilledHaproxy,
    "A17": bystanders.KilledPooler,
    "B01": network.LeaderIsolated,
    "B02": network.LeaderWithoutEtcd,
    "B03": network.LeaderWithoutStandbys,
    "B04": bystanders.StandbyIsolated,
    "B07": network.LeaderInMinority,
    "B08": network.EtcdPeersParted,
    "B09": network.RestBlocked,
    "B10": network.LossyNetwork,
    "B12": handover.DemotedWithoutNames,
    "B13": bystanders.StandbyBehindBlackHole,
    "C01": store.EtcdWithoutMajority,
    "C02": store.EtcdWithoutMajorityAndAStandbyDies,
    "C03": store.EtcdWithoutMajorityNorFailsafe,
    "C04": store.EtcdFull,
    "C05": etcd_disk.EtcdDiskFull,
    "C06": etcd_slow.EtcdDiskSlow,
    "C07": store.EtcdMemberWiped,
    "C12": operators.BadParameters,
    "D01": full_disk.DiskFull,
    "D02": full_disk.WalVolumeFull,
    "D03": full_disk.StandbysDiskFull,
    "D04": failing_disk.Slow,
    "D05": hanging_disk.Hung,
    "D06": failing_disk.ReadOnly,
    "D07": failing_disk.FlippedByte,
    "D08": full_disk.InodesUsedUp,
    "E01": clock.LeaderClockBack,
    "E02": clock.LeaderClockForward,
    "E03": clock.LeaderClockSkewed,
    "F01": replication.StandbysReplayNothing,
    "F02": handover.CandidateReceivesNothing,
    "F04": replication.RewindFails,
    "F05": starting.RewindInterrupted,
    "F06": replication.SlotOverrun,
    "F09": replication.NoStandbys,
    "F10": processes.LeaderAndStandbyPowerCut,
    "F12": replication.CancelledWaits,
    "F16": starting.CopyInterrupted,
    "F17": starting.NameTaken,
    "G01": handover.Demoted,
    "G02": handover.PromotionTakesLong,
    "G03": bystanders.ProxiesReloaded,
    "G06": handover.DemotedBeforeAMob,
    "G08": replication.ReplicasTooOld,
    "H02": handover.DemotedWhileArchivingFails,
    "I01": certificates.StandbysCertificateOver,
    "I02": certificates.EtcdCertificatesOver,
    "I03": certificates.AuthorityReplaced,
    "I08": certificates.KeyForAll,
    "J02": operators.TwoOperators,
    "J12": operators.StandbyDiesDuringRestart,
}


def schedule(seed: int, length: int) -> Iterator[tuple[str, type[Fault]]]:
    """So many faults in an order that the seed decides, on every machine and with every Python alike.

    No fault comes again before all others have come.
    """
    # Python promises the same numbers for random(), not for shuffle() and its like.
    numbers = random.Random(seed)
    left: list[str] = []
    for _number in range(length):
        left = left or sorted(FAULTS)
        chosen = left.pop(int(numbers.random() * len(left)))
        yield chosen, FAULTS[chosen]
