"""Where the platform's controllers run: the taint and label of the system nodes."""

from typing import Final

SYSTEM_NODE_LABELS: Final = {"realworld.io/node-group": "system"}
"""Label of the system nodes; the controllers select it."""

SYSTEM_TAINT_KEY: Final = "CriticalAddonsOnly"
"""Taint that CoreDNS and Karpenter tolerate by default, so that nothing else needs to be told."""

SYSTEM_TOLERATIONS: Final = [{"key": SYSTEM_TAINT_KEY, "operator": "Exists"}]
"""Tolerations of a controller that runs on the system nodes."""
