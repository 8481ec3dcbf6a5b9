"""The conda recipe: it parses and renders, and asks for what the package asks for."""

from __future__ import annotations

import re
import tomllib

import dnasweep
import pytest
import yaml
from option_toys import ROOT

RECIPE = ROOT / "recipe" / "recipe.yaml"
IN_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "pybigwig": "pybigwig"}
"""Names that differ between PyPI and the channels."""


@pytest.fixture(scope="module")
def recipe() -> dict:
    return yaml.safe_load(RECIPE.read_text())


@pytest.fixture(scope="module")
def project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def asked(requirement: str) -> dict[str, str]:
    """Return names and bounds of a requirement of pyproject.toml, as conda has them."""
    name, extras, bounds = re.fullmatch(
        r"([\w-]+)(?:\[([\w,]+)\])?(.*)", requirement.replace(" ", "")
    ).groups()  # type: ignore[union-attr]
    name = IN_CONDA.get(name.lower(), name.lower())
    names = [f"{name}-{extra}" for extra in extras.split(",")] if extras else [name]
    return dict.fromkeys(names, bounds)


def test_it_has_the_version_and_the_command_of_the_package(recipe: dict, project: dict) -> None:
    assert recipe["context"]["version"] == dnasweep.__version__
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["summary"] == project["description"]
    entries = [f"{name} = {where}" for name, where in project["scripts"].items()]
    assert recipe["build"]["python"]["entry_points"] == entries


def test_it_asks_for_what_the_package_asks_for(recipe: dict, project: dict) -> None:
    python, *others = recipe["requirements"]["run"]
    assert python == "python >=${{ python_min }}"
    expected: dict[str, str] = {}
    for requirement in project["dependencies"]:
        expected |= asked(requirement)
    assert dict(line.split(" ", 1) for line in others) == expected


def test_the_citation_names_the_same_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"]
    assert cited == dnasweep.__version__


def test_the_tool_that_builds_it_reads_and_renders_it(project: dict) -> None:
    build = pytest.importorskip("rattler_build", reason="pip install py-rattler-build")
    least = project["requires-python"].removeprefix(">=")
    variants = build.VariantConfig.from_yaml(f'python_min: ["{least}"]\n')
    (rendered,) = build.Stage0Recipe.from_yaml(RECIPE.read_text()).render(
        variants, build.RenderConfig()
    )
    found = rendered.recipe
    assert (found.package.name, str(found.package.version)) == ("dnasweep", dnasweep.__version__)
    needs = found.requirements.to_dict()
    assert f"python >={least}" in map(str, needs["run"])


def test_and_finds_what_is_wrong_in_one() -> None:
    build = pytest.importorskip("rattler_build", reason="pip install py-rattler-build")
    wrong = RECIPE.read_text().replace("noarch: python", "noarch: pythn")
    with pytest.raises(Exception, match=r"pythn|noarch"):
        build.Stage0Recipe.from_yaml(wrong)


def test_files_that_are_named_beside_requirements_import_them() -> None:
    package = ROOT / "platform" / "dnasweep"
    lines = re.findall(
        r'^  "([\w-]+).*?",\s+# (.+)$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE
    )
    modules = {"biopython": "pyfaidx", "pyyaml": "yaml"}
    named = [
        (modules.get(name, name), path)
        for name, text in lines
        for path in re.findall(r"[\w/]+\.py", text)
    ]
    assert len(named) > 10
    for module, path in named:
        text = (package / path).read_text()
        assert re.search(rf"\b(from|import) {module.replace('-', '_')}\b", text, re.IGNORECASE), (
            path
        )
