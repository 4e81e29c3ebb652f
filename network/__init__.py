"""The VPC and its three tiers of subnets; the network load balancer in front of the cluster."""
