"""TLS certificate of the app's domain, validated in Route 53, and the records of the domain."""

from dataclasses import dataclass

import pulumi
import pulumi_aws as aws


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """Whose certificate, and where its records go.

    Attributes:
        domain: Host name of the app.
        zone_name: Public Route 53 zone, delegated, that holds the domain.
        load_balancer: Load balancer to which the domain points.
    """

    domain: str
    zone_name: str
    load_balancer: aws.lb.LoadBalancer


class Certificate(pulumi.ComponentResource):
    """An ACM certificate that renews itself, and the alias record of the domain.

    Attributes:
        arn: ARN of the certificate, known once it has been validated.
    """

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Registers the certificate, its validation and the records."""
        super().__init__("realworld:network:Certificate", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        zone_id = aws.route53.get_zone_output(
            name=args.zone_name, private_zone=False, opts=pulumi.InvokeOutputOptions(parent=self)
        ).zone_id
        certificate = aws.acm.Certificate(
            name, domain_name=args.domain, validation_method="DNS", tags={"Name": args.domain}, opts=child
        )
        option = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{name}-validation",
            zone_id=zone_id,
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=300,
            # The record of a domain is the same for every certificate of an account.
            allow_overwrite=True,
            opts=child,
        )
        validation = aws.acm.CertificateValidation(
            name, certificate_arn=certificate.arn, validation_record_fqdns=[record.fqdn], opts=child
        )
        aws.route53.Record(
            name,
            zone_id=zone_id,
            name=args.domain,
            type="A",
            aliases=[
                {
                    "name": args.load_balancer.dns_name,
                    "zone_id": args.load_balancer.zone_id,
                    "evaluate_target_health": True,
                }
            ],
            opts=child,
        )
        self.arn = validation.certificate_arn
        self.register_outputs({"arn": self.arn})
