"""The simulated cloud: a Pulumi provider server for the ``local`` stack and the tests.

``answers.Cloud`` holds the cloud and answers; ``provider`` speaks Pulumi's provider protocol for it; ``driver`` runs
the real engine against both; ``python -m simulator`` is the command.
"""
