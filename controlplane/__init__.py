"""A real Kubernetes control plane as plain processes: no container, no cloud, nothing left behind.

etcd, the API server, the controller manager and the scheduler are real, and so are Flux's controllers, Flagger, its
load tester, Traefik and Prometheus. kwok pretends to be the nodes; ``standins`` stands in for what cannot run here.
"""
