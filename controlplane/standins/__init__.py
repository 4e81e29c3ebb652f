"""What cannot run without containers or a cloud, stood in for; each module says what it replaces and how it differs."""
