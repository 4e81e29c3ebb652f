"""Flux, from its operator to the root Kustomization; the tree that it reconciles lies beside these modules."""
