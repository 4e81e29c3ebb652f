"""The gateway behind the load balancer, as the two sides agree on it.

``gitops/infrastructure/controllers/traefik`` makes the Service and listens on these ports; a test compares them.
"""

from typing import Final

NAMESPACE: Final = "traefik"
SERVICE: Final = "traefik"
SERVICE_PORT: Final = 80
TRAFFIC_PORT: Final = 8000
"""Port on which the gateway's pods listen; a Gateway listener has the same number."""
HEALTH_CHECK_PORT: Final = 8080
HEALTH_CHECK_PATH: Final = "/ping"
POD_PORTS: Final = {"traffic": TRAFFIC_PORT, "health-checks": HEALTH_CHECK_PORT}
"""Ports of the pods that the load balancer reaches, by purpose."""
