"""cluster.yaml through Ray's own code for AWS against a mocked AWS, up to the machines it asks for."""

from __future__ import annotations

import base64
import copy
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import click
import pytest
import yaml
from cluster_toys import ROOT

REGION = "us-west-2"
BUCKET = "somebodys-results"
HOME_ADDRESS = "203.0.113.7/32"
IMAGE = (
    "resolve:ssm:/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-22.04"
    "/latest/ami-id"
)


class Cloud(NamedTuple):
    """A mocked account in which the stack of the repository stands."""

    config: dict[str, Any]
    """cluster.yaml as Ray has completed it."""
    requests: list[dict[str, Any]]
    """What AWS was asked to start, in order."""
    home: Path
    """Where Ray keeps the private key."""


def client(service: str) -> Any:
    import boto3

    return boto3.client(service, REGION)


def make_stack(template: str | None = None, **parameters: str) -> None:
    client("cloudformation").create_stack(
        StackName="dnasweep",
        TemplateBody=template or (ROOT / "clusters" / "aws-account.yaml").read_text(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def instance_types() -> list[dict[str, Any]]:
    """Return what AWS says of the types of machines that cluster.yaml names."""
    return client("ec2").describe_instance_types(InstanceTypes=["m6i.2xlarge", "g5.xlarge"])[
        "InstanceTypes"
    ]


def bootstrapped(security_group: str) -> dict[str, Any]:
    """Return cluster.yaml as `ray up` completes it, just before the first machine is asked for."""
    from ray.autoscaler._private.aws import node_provider
    from ray.autoscaler._private.aws.config import bootstrap_aws
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.util import prepare_config, validate_config

    text = (ROOT / "cluster.yaml").read_text()
    text, times = re.subn(r"(&firewall) \[[\w-]+\]", rf"\1 [{security_group}]", text)
    assert times == 1
    config = prepare_config(yaml.safe_load(text))
    with pytest.MonkeyPatch.context() as patch:
        # Ray asks for every type there is, which takes the mock a quarter of a minute.
        patch.setattr(node_provider, "list_ec2_instances", lambda *_: instance_types())
        config = AWSNodeProvider.fillout_available_node_types_resources(config)
    validate_config(config)
    return bootstrap_aws(copy.deepcopy(config))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty mocked AWS, with a home folder of its own."""
    from moto import mock_aws
    from ray.autoscaler._private.aws import config as aws_config
    from ray.autoscaler._private.aws import utils

    def forget() -> None:
        # Ray keeps clients and answers, which belong to the account before.
        for cache in (utils.resource_cache, utils.client_cache, aws_config._get_subnets_or_die):
            cache.cache_clear()

    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("HOME", str(home))
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        forget()
        yield home
    forget()


@pytest.fixture(scope="module")
def cloud(aws: Path) -> Cloud:
    """The stack made, Ray's bootstrap done, and one machine of each kind asked for."""
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider
    from ray.autoscaler._private.node_launcher import BaseNodeLauncher
    from ray.autoscaler._private.util import hash_launch_conf
    from ray.autoscaler.tags import (
        TAG_RAY_LAUNCH_CONFIG,
        TAG_RAY_NODE_KIND,
        TAG_RAY_NODE_NAME,
        TAG_RAY_NODE_STATUS,
        TAG_RAY_USER_NODE_TYPE,
    )

    make_stack(Bucket=BUCKET, SshFrom=HOME_ADDRESS)
    (made,) = client("cloudformation").describe_stacks()["Stacks"]
    outputs = {found["OutputKey"]: found["OutputValue"] for found in made["Outputs"]}
    config = bootstrapped(outputs["SecurityGroup"])
    provider = AWSNodeProvider(config["provider"], config["cluster_name"])
    requests: list[dict[str, Any]] = []
    provider.ec2_fail_fast.meta.client.meta.events.register_first(
        "provide-client-params.ec2.RunInstances",
        lambda params, **_: requests.append(copy.deepcopy(params)),
    )
    # The head as ray.autoscaler._private.commands.get_or_create_head_node asks for it.
    head = (
        copy.deepcopy(config["head_node"]) | config["available_node_types"]["head"]["node_config"]
    )
    tags = {
        TAG_RAY_NODE_KIND: "head",
        TAG_RAY_USER_NODE_TYPE: "head",
        TAG_RAY_LAUNCH_CONFIG: hash_launch_conf(head, config["auth"]),
        TAG_RAY_NODE_NAME: f"ray-{config['cluster_name']}-head",
        TAG_RAY_NODE_STATUS: "uninitialized",
    }
    provider.create_node(head, tags, 1)
    silent = SimpleNamespace(add=lambda *a, **k: None, update_node_availability=lambda **k: None)
    launcher = BaseNodeLauncher(
        provider, SimpleNamespace(dec=lambda *a: None), silent, silent, session_name="test"
    )
    for kind, count in (("gpu", 3), ("gpu-spot", 1)):
        assert launcher.launch_node(config, count, kind)
    return Cloud(config, requests, aws)


def instances() -> dict[str, list[dict[str, Any]]]:
    """Return the machines that AWS has started, by Ray's name of their kind."""
    found: dict[str, list[dict[str, Any]]] = {}
    for reservation in client("ec2").describe_instances()["Reservations"]:
        for instance in reservation["Instances"]:
            kind = tags_of(instance["Tags"])["ray-user-node-type"]
            found.setdefault(kind, []).append(instance)
    return found


def tags_of(tags: list[dict[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def test_a_small_head_and_gpu_machines_are_asked_for(cloud: Cloud) -> None:
    asked = [(r["InstanceType"], r["MinCount"], r["MaxCount"]) for r in cloud.requests]
    assert asked == [("m6i.2xlarge", 1, 1), ("g5.xlarge", 1, 3), ("g5.xlarge", 1, 1)]
    types = {kind: [m["InstanceType"] for m in found] for kind, found in instances().items()}
    # The mock starts the fewest that a request will do with.
    assert types == {"head": ["m6i.2xlarge"], "gpu": ["g5.xlarge"], "gpu-spot": ["g5.xlarge"]}


def test_what_machines_offer_is_what_their_type_has(cloud: Cloud) -> None:
    has = {found["InstanceType"]: found for found in instance_types()}
    assert "GpuInfo" not in has["m6i.2xlarge"]
    for kind in ("gpu", "gpu-spot"):
        offered = cloud.config["available_node_types"][kind]["resources"]
        assert offered["CPU"] == has["g5.xlarge"]["VCpuInfo"]["DefaultVCpus"]
        assert offered["GPU"] == sum(g["Count"] for g in has["g5.xlarge"]["GpuInfo"]["Gpus"])
    # Ray completes what a type offers; the head still offers no CPU.
    assert cloud.config["available_node_types"]["head"]["resources"]["CPU"] == 0


def test_only_those_machines_are_spot_that_were_chosen_so(cloud: Cloud) -> None:
    markets = [r.get("InstanceMarketOptions") for r in cloud.requests]
    assert markets == [None, None, {"MarketType": "spot"}]
    kinds = cloud.config["available_node_types"]
    assert (kinds["gpu"]["max_workers"], kinds["gpu-spot"]["max_workers"]) == (8, 0)


def test_the_image_has_a_driver_of_our_days(cloud: Cloud) -> None:
    from ray.autoscaler._private.aws.config import DEFAULT_AMI

    assert {r["ImageId"] for r in cloud.requests} == {IMAGE}
    assert IMAGE not in DEFAULT_AMI.values()


def test_machines_take_the_roles_of_the_stack(cloud: Cloud) -> None:
    profiles = [r["IamInstanceProfile"] for r in cloud.requests]
    assert profiles == [{"Name": f"dnasweep-{who}"} for who in ("head", "worker", "worker")]
    iam = client("iam")
    for who in ("head", "worker"):
        profile = iam.get_instance_profile(InstanceProfileName=f"dnasweep-{who}")
        assert [r["RoleName"] for r in profile["InstanceProfile"]["Roles"]] == [f"dnasweep-{who}"]
        attached = iam.list_attached_role_policies(RoleName=f"dnasweep-{who}")["AttachedPolicies"]
        assert [policy["PolicyName"] for policy in attached] == ["dnasweep-results"]
    # Ray made none of its own, which would have the run of all machines and all buckets.
    assert "IamInstanceProfile" not in cloud.config["head_node"]
    names = {role["RoleName"] for role in iam.list_roles()["Roles"]}
    assert names == {"dnasweep-head", "dnasweep-worker"}


def test_roles_reach_one_bucket_and_the_head_its_workers(cloud: Cloud) -> None:
    iam = client("iam")
    policies = iam.list_policies(Scope="Local")["Policies"]
    assert len(policies) == 1
    bucket = iam.get_policy_version(PolicyArn=policies[0]["Arn"], VersionId="v1")["PolicyVersion"]
    statements = statements_of(bucket["Document"])
    assert {s["Resource"] for s in statements} == {
        f"arn:aws:s3:::{BUCKET}",
        f"arn:aws:s3:::{BUCKET}/*",
    }
    actions = {action for s in statements for action in s["Action"]}
    assert all(action.startswith("s3:") and "*" not in action for action in actions)
    assert iam.list_role_policies(RoleName="dnasweep-worker")["PolicyNames"] == []
    own = iam.get_role_policy(RoleName="dnasweep-head", PolicyName="workers")["PolicyDocument"]
    by_action = {
        action: s
        for s in statements_of(own)
        for action in ([s["Action"]] if isinstance(s["Action"], str) else s["Action"])
    }
    assert set(by_action) == {
        "ec2:Describe*",
        "ec2:RunInstances",
        "ec2:CreateTags",
        "ec2:TerminateInstances",
        "iam:PassRole",
        "iam:CreateServiceLinkedRole",
        "ssm:GetParameters",
    }
    assert by_action["iam:PassRole"]["Resource"].endswith(":role/dnasweep-worker")
    # The head may end machines of this cluster only, whose name the tag has to be.
    condition = by_action["ec2:TerminateInstances"]["Condition"]["StringEquals"]
    assert condition == {"aws:ResourceTag/ray-cluster-name": cloud.config["cluster_name"]}
    assert IMAGE.removeprefix("resolve:ssm:").startswith(
        by_action["ssm:GetParameters"]["Resource"].split(":parameter")[1].rstrip("*")
    )


def statements_of(document: dict[str, Any] | str) -> list[dict[str, Any]]:
    """Return the statements of a policy, which the mock does not always decode."""
    return (yaml.safe_load(document) if isinstance(document, str) else document)["Statement"]


def rules(group: str) -> list[tuple[str, int | None, list[str], list[str]]]:
    found = client("ec2").describe_security_groups(
        Filters=[{"Name": "group-name", "Values": [group]}]
    )["SecurityGroups"]
    assert len(found) == 1
    return [
        (
            rule["IpProtocol"],
            rule.get("FromPort"),
            [r["CidrIp"] for r in rule["IpRanges"]] + [r["CidrIpv6"] for r in rule["Ipv6Ranges"]],
            ["self" * (p["GroupId"] == found[0]["GroupId"]) for p in rule["UserIdGroupPairs"]],
        )
        for rule in found[0]["IpPermissions"]
    ]


def test_the_firewall_lets_in_ssh_from_one_address_and_the_machines_themselves(
    cloud: Cloud,
) -> None:
    assert sorted(rules("dnasweep")) == [
        ("-1", None, [], ["self"]),
        ("tcp", 22, [HOME_ADDRESS], []),
    ]
    groups = client("ec2").describe_security_groups()["SecurityGroups"]
    ours = next(g["GroupId"] for g in groups if g["GroupName"] == "dnasweep")
    assert all(r["SecurityGroupIds"] == [ours] for r in cloud.requests)
    for found in instances().values():
        assert all([g["GroupName"] for g in m["SecurityGroups"]] == ["dnasweep"] for m in found)


def test_all_machines_stand_in_one_zone(cloud: Cloud) -> None:
    zones = {m["Placement"]["AvailabilityZone"] for found in instances().values() for m in found}
    assert zones == {"us-west-2a"}


def test_machines_carry_tags_to_find_and_to_bill_them_by(cloud: Cloud) -> None:
    for kind, found in instances().items():
        for machine in found:
            tags = tags_of(machine["Tags"])
            assert tags["ray-cluster-name"] == "dnasweep"
            assert tags["ray-node-type"] == ("head" if kind == "head" else "worker")
            assert tags["Name"] == f"ray-dnasweep-{tags['ray-node-type']}"
            assert tags["project"] == "dnasweep"
    for request in cloud.requests:
        kinds = {
            spec["ResourceType"]: tags_of(spec["Tags"]) for spec in request["TagSpecifications"]
        }
        assert kinds["volume"] == {"project": "dnasweep"}


def test_machines_are_sent_no_user_data(cloud: Cloud) -> None:
    # Any process on a machine may read it, and so it must hold nothing; Ray sets machines up by ssh.
    for request in cloud.requests:
        assert "UserData" not in request
    for found in instances().values():
        for machine in found:
            kept = client("ec2").describe_instance_attribute(
                InstanceId=machine["InstanceId"], Attribute="userData"
            )["UserData"]
            assert base64.b64decode(kept.get("Value", "")) == b""


def test_disks_are_encrypted_and_go_with_their_machine(cloud: Cloud) -> None:
    for request in cloud.requests:
        (disk,) = request["BlockDeviceMappings"]
        assert disk["Ebs"]["Encrypted"]
        assert disk["Ebs"]["DeleteOnTermination"]
        assert disk["Ebs"]["VolumeSize"] >= 100


def test_credentials_are_given_to_requests_with_a_token_only(cloud: Cloud) -> None:
    assert all(r["MetadataOptions"]["HttpTokens"] == "required" for r in cloud.requests)
    assert all(r["MetadataOptions"]["HttpPutResponseHopLimit"] == 1 for r in cloud.requests)


def test_the_key_is_made_for_its_owner_and_opens_every_machine(cloud: Cloud) -> None:
    key = Path(cloud.config["auth"]["ssh_private_key"])
    assert key.parent == cloud.home / ".ssh"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert {r["KeyName"] for r in cloud.requests} == {key.stem}


def test_ray_down_ends_the_machines_for_good(cloud: Cloud) -> None:
    from ray.autoscaler._private.aws.node_provider import AWSNodeProvider

    provider = AWSNodeProvider(cloud.config["provider"], cloud.config["cluster_name"])
    nodes = provider.non_terminated_nodes({})
    assert len(nodes) == 3
    provider.terminate_nodes(nodes)
    states = {m["State"]["Name"] for found in instances().values() for m in found}
    assert states <= {"shutting-down", "terminated"}


def test_without_the_stack_nothing_starts(aws: Path) -> None:
    # Ray would make a group of its own, open to the world, if the file named none.
    with pytest.raises((AssertionError, click.ClickException)):
        bootstrapped("SECURITY_GROUP")
    names = {
        group["GroupName"] for group in client("ec2").describe_security_groups()["SecurityGroups"]
    }
    assert names <= {"default", "dnasweep"}
