"""The stack that cluster.yaml needs in an AWS account: private, narrow, and one that AWS takes."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from cluster_toys import ROOT


def template() -> dict[str, Any]:
    """Return the stack with its short tags (`!Ref x`) as plain values."""

    class Loader(yaml.SafeLoader):
        pass

    def plain(loader: yaml.Loader, suffix: str, node: yaml.Node) -> Any:
        assert isinstance(node, yaml.ScalarNode)
        return loader.construct_scalar(node)

    Loader.add_multi_constructor("!", plain)
    return yaml.load((ROOT / "clusters" / "aws-account.yaml").read_text(), Loader)


def test_the_bucket_is_private_encrypted_and_outlives_the_stack() -> None:
    bucket = template()["Resources"]["Results"]
    assert bucket["DeletionPolicy"] == bucket["UpdateReplacePolicy"] == "Retain"
    private = bucket["Properties"]["PublicAccessBlockConfiguration"]
    assert len(private) == 4
    assert all(private.values())
    assert bucket["Properties"]["BucketEncryption"]


@pytest.mark.parametrize(
    ("address", "allowed"),
    [("203.0.113.7/32", True), ("10.0.0.0/8", True), ("0.0.0.0/0", False), ("1.2.3.4/1", False)],
)
def test_the_stack_is_never_open_to_everybody(address: str, allowed: bool) -> None:
    pattern = template()["Parameters"]["SshFrom"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, address)) == allowed


@pytest.mark.slow
def test_the_stack_is_one_that_aws_understands() -> None:
    from cfnlint.api import lint_all

    found = lint_all((ROOT / "clusters" / "aws-account.yaml").read_text())
    # Remarks on taste begin with an I.
    assert not [str(match) for match in found if not match.rule.id.startswith("I")]
