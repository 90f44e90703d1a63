# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which alarm is whose (pure).

A member's status lists the alarms of all members, so that one alarm makes none but its owner ill.
https://github.com/etcd-io/etcd/blob/main/server/etcdserver/api/v3rpc/maintenance.go
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .model import Member

FULL = "NOSPACE"
# The text of an AlarmMember of protobuf. Without an id it is of all: nobody knows who is corrupt.
_ALARM = re.compile(r"(?:memberID:(?P<owner>\d+) +)?alarm:(?P<name>\w+) *")


def own(errors: Iterable[str], member_id: str) -> tuple[str, ...]:
    """Return the errors of a member's status without the alarms of others."""
    return tuple(error for error in errors if _owner(error) in (None, "", member_id))


def hindering(errors: Iterable[str], member_id: str) -> tuple[str, ...]:
    """Return its own errors without a full database, with which a member votes, and changes of members are taken."""
    return tuple(error for error in own(errors, member_id) if _name(error) != FULL)


def split(errors: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the alarms among the errors of a status, and what is none."""
    told = tuple(errors)
    alarms = tuple(error for error in told if _owner(error) is not None)
    return alarms, tuple(error for error in told if error not in alarms)


def warnings(alarms: Iterable[tuple[str, str]], members: Sequence[Member]) -> list[str]:
    """Return a line for each alarm (id of its member, name); that of a member that left stays, and stops writes."""
    names = {member.id: member.name or member.id for member in members}
    return [
        f"etcd has the alarm {alarm} of {names.get(owner, f'{owner}, which is no member')}; once its reason is gone, "
        "lift it: etcd_member with state=disarmed"
        for owner, alarm in alarms
    ]


def _name(error: str) -> str:
    """What an alarm is, empty where this is none."""
    alarm = _ALARM.fullmatch(error)
    return alarm["name"] if alarm else ""


def _owner(error: str) -> str | None:
    """The id of an alarm's member, empty where it names none; None where this is no alarm."""
    alarm = _ALARM.fullmatch(error)
    return (alarm["owner"] or "") if alarm else None
