# Copyright (c) kubeops.cluster contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each minor release no longer accepts: flags, feature gates, API versions (pure).

A component does not start with a flag or a feature gate that it does not know, nor with a
locked feature gate set to the other value. Found by comparing what the components of
1.33.13, 1.34.9, 1.35.6 and 1.36.3 register; API versions are those whose lifecycle
(APILifecycleRemoved) ends. The API server, the controller manager and the scheduler have lost no flag
from 1.33 to 1.36; etcd, which comes with 1.34 as 3.6, has lost those of its v2 API and of its proxy.
https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates-removed/
https://kubernetes.io/docs/reference/using-api/deprecation-guide/
https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import given
from .version import Minor

KNOWN_UP_TO = Minor(1, 36)

GATES_SOURCE = "https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates-removed/"
FLAGS_SOURCE = "https://github.com/kubernetes/kubernetes/tree/master/CHANGELOG"

# Feature gate -> first minor that does not know it.
REMOVED_GATES: Mapping[str, Minor] = {
    **dict.fromkeys(
        (
            "DevicePluginCDIDevices",
            "ElasticIndexedJob",
            "LegacySidecarContainers",
            "PodDisruptionConditions",
            "StatefulSetStartOrdinal",
        ),
        Minor(1, 34),
    ),
    **dict.fromkeys(
        (
            "AllowServiceLBStatusOnNonLB",
            "ComponentSLIs",
            "CronJobsScheduledAnnotation",
            "LoadBalancerIPMode",
            "PodIndexLabel",
            "ProbeHostPodSecurityStandards",
            "SizeMemoryBackedVolumes",
            "StatefulSetAutoDeletePVC",
            "StrictCostEnforcementForVAP",
            "StrictCostEnforcementForWebhooks",
            "UserNamespacesPodSecurityStandards",
        ),
        Minor(1, 35),
    ),
    **dict.fromkeys(
        (
            "CSIMigrationPortworx",
            "HonorPVReclaimPolicy",
            "InPlacePodVerticalScalingAllocatedStatus",
            "InTreePluginPortworxUnregister",
            "MemoryManager",
            "ServiceTrafficDistribution",
            "StructuredAuthorizationConfiguration",
            "TopologyAwareHints",
            "WatchFromStorageWithoutResourceVersion",
        ),
        Minor(1, 36),
    ),
}

# Feature gate -> first minor that accepts one value only, and that value.
LOCKED_GATES: Mapping[str, tuple[Minor, bool]] = {
    **dict.fromkeys(
        (
            "APIServerTracing",
            "AnonymousAuthConfigurableEndpoints",
            "AuthorizeNodeWithSelectors",
            "AuthorizeWithSelectors",
            "ConsistentListFromCache",
            "JobPodReplacementPolicy",
            "KubeletCgroupDriverFromCRI",
            "KubeletTracing",
            "MultiCIDRServiceAllocator",
            "NodeSwap",
            "OrderedNamespaceDeletion",
            "PodLifecycleSleepAction",
            "PodLifecycleSleepActionAllowZero",
            "RecoverVolumeExpansionFailure",
            "RelaxedDNSSearchValidation",
            "RelaxedEnvironmentVariableValidation",
            "ResilientWatchCacheInitialization",
            "SchedulerQueueingHints",
            "SeparateTaintEvictionController",
            "StreamingCollectionEncodingToJSON",
            "StreamingCollectionEncodingToProtobuf",
            "StructuredAuthenticationConfiguration",
            "WinDSR",
            "WinOverlay",
        ),
        (Minor(1, 34), True),
    ),
    "AllowOverwriteTerminationGracePeriodSeconds": (Minor(1, 35), False),
    **dict.fromkeys(
        (
            "AggregatedDiscoveryRemoveBetaType",
            "DisableAllocatorDualWrite",
            "DynamicResourceAllocation",
            "ExecProbeTimeout",
            "ImageMaximumGCAge",
            "InPlacePodVerticalScaling",
            "JobManagedBy",
            "PodObservedGenerationTracking",
            "PreferSameTrafficDistribution",
            "SupplementalGroupsPolicy",
            "SystemdWatchdog",
        ),
        (Minor(1, 35), True),
    ),
    "GitRepoVolumeDriver": (Minor(1, 36), False),
    **dict.fromkeys(
        (
            "CSIServiceAccountTokenSecrets",
            "DRAAdminAccess",
            "DeclarativeValidation",
            "DisableNodeKubeProxyVersion",
            "ExternalServiceAccountTokenSigner",
            "ImageVolume",
            "InOrderInformers",
            "KubeletFineGrainedAuthz",
            "KubeletPSI",
            "KubeletPodResourcesDynamicResources",
            "KubeletPodResourcesGet",
            "MutableCSINodeAllocatableCount",
            "NodeLogQuery",
            "ProcMountType",
            "SELinuxChangePolicy",
            "SELinuxMountReadWriteOncePod",
            "UserNamespacesSupport",
            "VolumeAttributesClass",
        ),
        (Minor(1, 36), True),
    ),
}

# Component -> flag -> first minor that does not know it; of etcd, the minor that brings the etcd.
REMOVED_FLAGS: Mapping[str, Mapping[str, Minor]] = {
    "kubelet": {
        "cloud-config": Minor(1, 34),
        "register-schedulable": Minor(1, 34),
        "pod-infra-container-image": Minor(1, 35),
    },
    "etcd": dict.fromkeys(
        (
            "enable-v2",
            "experimental-enable-v2v3",
            "experimental-wait-cluster-ready-timeout",
            "proxy",
            "proxy-dial-timeout",
            "proxy-failure-wait",
            "proxy-read-timeout",
            "proxy-refresh-interval",
            "proxy-write-timeout",
        ),
        Minor(1, 34),
    ),
}


@dataclass(frozen=True)
class RemovedApi:
    """A version of a kind that is served no more since a minor."""

    group_version: str
    kind: str
    since: Minor


REMOVED_APIS: tuple[RemovedApi, ...] = (
    RemovedApi("authentication.k8s.io/v1beta1", "SelfSubjectReview", Minor(1, 33)),
    RemovedApi("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicy", Minor(1, 34)),
    RemovedApi("admissionregistration.k8s.io/v1beta1", "ValidatingAdmissionPolicyBinding", Minor(1, 34)),
    RemovedApi("storage.k8s.io/v1alpha1", "VolumeAttributesClass", Minor(1, 35)),
    RemovedApi("storagemigration.k8s.io/v1alpha1", "StorageVersionMigration", Minor(1, 35)),
    RemovedApi("certificates.k8s.io/v1alpha1", "ClusterTrustBundle", Minor(1, 37)),
    RemovedApi("networking.k8s.io/v1beta1", "IPAddress", Minor(1, 37)),
    RemovedApi("networking.k8s.io/v1beta1", "ServiceCIDR", Minor(1, 37)),
    RemovedApi("storage.k8s.io/v1beta1", "VolumeAttributesClass", Minor(1, 37)),
    RemovedApi("admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", Minor(1, 38)),
    RemovedApi("coordination.k8s.io/v1alpha2", "LeaseCandidate", Minor(1, 38)),
    RemovedApi("resource.k8s.io/v1beta1", "ResourceClaim", Minor(1, 38)),
    RemovedApi("resource.k8s.io/v1beta1", "ResourceSlice", Minor(1, 38)),
)


@dataclass(frozen=True)
class Removals:
    """What is known of removals, and up to which minor: newer ones may have removed more."""

    gates: Mapping[str, Minor] = field(default_factory=lambda: REMOVED_GATES)
    locked: Mapping[str, tuple[Minor, bool]] = field(default_factory=lambda: LOCKED_GATES)
    flags: Mapping[str, Mapping[str, Minor]] = field(default_factory=lambda: REMOVED_FLAGS)
    apis: tuple[RemovedApi, ...] = REMOVED_APIS
    known_up_to: Minor = KNOWN_UP_TO

    def with_overrides(self, data: Mapping[str, Any]) -> Removals:
        """The same with newer data laid over it.

        data: known_up_to (a minor), gates (name to minor), locked_gates (name to since and value), flags
        (component to flag to minor), apis (a list of group_version, kind, since). Raises ValueError for what is
        malformed.
        """
        named = {key: given.mapping(f"removed: {key}", data.get(key)) for key in ("gates", "locked_gates", "flags")}
        locked = {
            name: _locked(f"removed: locked_gates: {name}", entry) for name, entry in named["locked_gates"].items()
        }
        flags = {
            component: {**self.flags.get(component, {}), **_since(f"removed: flags: {component}", entries)}
            for component, entries in named["flags"].items()
        }
        apis = tuple(map(_api, given.items("removed: apis", data.get("apis"))))
        return Removals(
            {**self.gates, **_since("removed: gates", named["gates"])},
            {**self.locked, **locked},
            {**self.flags, **flags},
            self.apis + apis,
            Minor.parse(str(data["known_up_to"])) if data.get("known_up_to") else self.known_up_to,
        )

    def apis_between(self, after: Minor, up_to: Minor) -> Iterator[RemovedApi]:
        """What a cluster on one minor serves, and on the other no more."""
        return (api for api in self.apis if after < api.since <= up_to)

    def why_not_gate(self, gate: str, value: bool, target: Minor) -> str:
        """Why a component of that minor does not start with the gate; empty where it does."""
        removed = self.gates.get(gate)
        if removed is not None and removed <= target:
            return f"feature gate {gate} is unknown since {removed}"
        locked = self.locked.get(gate)
        if locked is not None and locked[0] <= target and locked[1] != value:
            return f"feature gate {gate} is locked to {str(locked[1]).lower()} since {locked[0]}"
        return ""

    def why_not_flag(self, component: str, flag: str, target: Minor) -> str:
        """Why a component of that minor does not start with the flag; empty where it does."""
        removed = self.flags.get(component, {}).get(flag)
        if removed is None or removed > target:
            return ""
        return f"--{flag} is unknown since {removed}"


KNOWN = Removals()


def _since(name: str, entries: Any) -> dict[str, Minor]:
    return {key: Minor.parse(str(since)) for key, since in given.mapping(name, entries).items()}


def _locked(name: str, entry: Any) -> tuple[Minor, bool]:
    found = given.entry(name, entry, "since", "value")
    return Minor.parse(str(found["since"])), bool(found["value"])


def _api(entry: Any) -> RemovedApi:
    found = given.entry("removed: an entry of apis", entry, "group_version", "kind", "since")
    return RemovedApi(found["group_version"], found["kind"], Minor.parse(str(found["since"])))
