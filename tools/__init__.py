"""Command-line tools and schemas that the project takes from pinned Go modules."""
