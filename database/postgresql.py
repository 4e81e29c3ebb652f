"""RDS PostgreSQL: key, password, parameters, security group, instance."""

import json
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws
import pulumi_random as random

from database.alarms import Alarms, AlarmsArgs
from network.vpc import Vpc
from policies import trust
from settings import DatabaseSettings

PORT: Final = 5432
LOG_TYPES: Final = ("postgresql", "upgrade")
CERTIFICATE_AUTHORITY: Final = "rds-ca-rsa2048-g1"


@dataclass(frozen=True, kw_only=True)
class DatabaseArgs:
    """What the database is made of.

    Attributes:
        vpc: VPC with the database subnets; its addresses may connect.
        settings: Size, backups, windows, logs and protection.
    """

    vpc: Vpc
    settings: DatabaseSettings


class Database(pulumi.ComponentResource):
    """Seed row 7: PostgreSQL with a standby, encrypted at rest and on the wire, its password generated.

    Attributes:
        address: Host name of the instance.
        endpoint: ``host:port``.
        password: Master password; secret.
    """

    address: pulumi.Output[str]
    endpoint: pulumi.Output[str]
    password: pulumi.Output[str]

    def __init__(self, name: str, args: DatabaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the instance and everything around it."""
        super().__init__("realworld:database:Database", name, None, opts)
        self._name = name
        self._child = pulumi.ResourceOptions(parent=self)
        # Log groups carry the instance's name and must exist first, so the name cannot be left to auto-naming.
        identifier = random.RandomId(f"{name}-identifier", prefix=f"{name}-", byte_length=3, opts=self._child).hex
        key = aws.kms.Key(
            name,
            description="Database storage, backups, insights and secret",
            enable_key_rotation=True,
            deletion_window_in_days=7,
            opts=self._child,
        )
        password = random.RandomPassword(f"{name}-password", length=32, special=False, opts=self._child)
        log_groups = self._log_groups(identifier, args.settings.log_retention_days)
        monitoring_role, monitoring_policy = self._monitoring_role()
        instance = aws.rds.Instance(
            name,
            identifier=identifier,
            engine="postgres",
            engine_version=args.settings.engine_version,
            auto_minor_version_upgrade=True,
            engine_lifecycle_support="open-source-rds-extended-support-disabled",
            instance_class=args.settings.instance_class,
            db_name=args.settings.name,
            username=args.settings.username,
            password=password.result,
            port=PORT,
            multi_az=args.settings.multi_az,
            db_subnet_group_name=args.vpc.database_subnet_group_name,
            vpc_security_group_ids=[self._security_group(args).id],
            publicly_accessible=False,
            parameter_group_name=self._parameter_group(args).name,
            ca_cert_identifier=CERTIFICATE_AUTHORITY,
            allocated_storage=args.settings.storage_gib,
            max_allocated_storage=args.settings.maximum_storage_gib,
            storage_type="gp3",
            storage_encrypted=True,
            kms_key_id=key.arn,
            backup_retention_period=args.settings.backup_retention_days,
            backup_window=args.settings.backup_window,
            maintenance_window=args.settings.maintenance_window,
            copy_tags_to_snapshot=True,
            delete_automated_backups=True,
            deletion_protection=args.settings.deletion_protection,
            skip_final_snapshot=not args.settings.final_snapshot,
            final_snapshot_identifier=pulumi.Output.concat(identifier, "-final")
            if args.settings.final_snapshot
            else None,
            enabled_cloudwatch_logs_exports=list(LOG_TYPES),
            monitoring_interval=args.settings.monitoring_interval_seconds,
            monitoring_role_arn=monitoring_role.arn,
            performance_insights_enabled=True,
            performance_insights_retention_period=args.settings.performance_insights_retention_days,
            performance_insights_kms_key_id=key.arn,
            apply_immediately=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*log_groups, monitoring_policy]),
        )
        self._secret(args, instance, password.result, key)
        Alarms(
            f"{name}-alarms",
            AlarmsArgs(
                instance_identifier=instance.identifier,
                storage_gib=args.settings.storage_gib,
                email=args.settings.alarm_email,
            ),
            self._child,
        )
        self.address = instance.address
        self.endpoint = instance.endpoint
        self.password = pulumi.Output.secret(password.result)
        self.register_outputs({"endpoint": self.endpoint})

    def _security_group(self, args: DatabaseArgs) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            self._name,
            vpc_id=args.vpc.vpc_id,
            description="PostgreSQL from the VPC",
            tags={"Name": self._name},
            opts=self._child,
        )
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-from-vpc",
            security_group_id=group.id,
            description="PostgreSQL from the VPC",
            ip_protocol="tcp",
            from_port=PORT,
            to_port=PORT,
            cidr_ipv4=str(args.vpc.cidr),
            opts=self._child,
        )
        return group

    def _parameter_group(self, args: DatabaseArgs) -> aws.rds.ParameterGroup:
        parameters = {
            "rds.force_ssl": "1",
            "log_min_duration_statement": str(args.settings.slow_query_milliseconds),
            "log_lock_waits": "1",
        }
        return aws.rds.ParameterGroup(
            self._name,
            family=f"postgres{args.settings.engine_version.partition('.')[0]}",
            description="TLS only; slow statements and lock waits are logged",
            parameters=[
                {"name": key, "value": value, "apply_method": "immediate"} for key, value in parameters.items()
            ],
            opts=self._child,
        )

    def _log_groups(self, identifier: pulumi.Output[str], retention_days: int) -> list[pulumi.Resource]:
        """RDS would make the groups itself, without retention, and leave them behind."""
        return [
            aws.cloudwatch.LogGroup(
                f"{self._name}-{log_type}",
                name=pulumi.Output.concat("/aws/rds/instance/", identifier, f"/{log_type}"),
                retention_in_days=retention_days,
                opts=self._child,
            )
            for log_type in LOG_TYPES
        ]

    def _monitoring_role(self) -> tuple[aws.iam.Role, aws.iam.RolePolicyAttachment]:
        role = aws.iam.Role(
            f"{self._name}-monitoring", assume_role_policy=trust("monitoring.rds.amazonaws.com"), opts=self._child
        )
        policy = aws.iam.RolePolicyAttachment(
            f"{self._name}-monitoring",
            role=role.name,
            policy_arn="arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole",
            opts=self._child,
        )
        return role, policy

    def _secret(
        self, args: DatabaseArgs, instance: aws.rds.Instance, password: pulumi.Output[str], key: aws.kms.Key
    ) -> None:
        secret = aws.secretsmanager.Secret(
            self._name,
            description="Connection of the app's database",
            kms_key_id=key.arn,
            # Without a window the secret goes with the database; nothing else could use it.
            recovery_window_in_days=0,
            opts=self._child,
        )
        connection = pulumi.Output.all(host=instance.address, password=password).apply(
            lambda values: json.dumps(
                {
                    "engine": "postgres",
                    "host": values["host"],
                    "port": PORT,
                    "dbname": args.settings.name,
                    "username": args.settings.username,
                    "password": values["password"],
                }
            )
        )
        aws.secretsmanager.SecretVersion(
            self._name, secret_id=secret.id, secret_string=pulumi.Output.secret(connection), opts=self._child
        )
