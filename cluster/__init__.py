"""EKS, its nodes and the controllers that must outlive what Flux runs."""
