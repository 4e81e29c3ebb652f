"""RDS for PostgreSQL: instance, secret, logs and alarms."""
