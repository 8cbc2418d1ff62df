"""The paths of patches, models and Pd, in temporary folders."""

import sys

import pytest
from places import PROJECT

from sopilib.installation import paths


def make_project(folder):
    (folder / "pd").mkdir(parents=True)
    (folder / "pd" / "samplernn.pd").write_text("#N canvas 0 0 100 100 12;\n")
    return folder


def make_program(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Return packages in site-packages, with no patches beside them: the environment's folder."""
    packages = tmp_path / "environment" / "lib" / "site-packages"
    monkeypatch.setattr(paths, "packages_folder", lambda: packages)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "environment"))
    monkeypatch.setattr(paths.site, "getuserbase", lambda: str(tmp_path / "home"))
    monkeypatch.setattr(paths.sysconfig, "get_path", lambda name: str(tmp_path / "local"))
    return tmp_path / "environment"


def test_in_a_checkout_patches_and_models_lie_beside_the_packages():
    checkout = PROJECT
    assert paths.packages_folder() == checkout
    assert paths.patches_folder() == checkout / "pd"
    assert paths.models_folder() == checkout / "models"
    assert paths.pd_search_path() == []


@pytest.mark.parametrize("prefix", ["environment", "local", "home"])
def test_an_installation_has_them_under_share_of_its_prefix(prefix, installed, tmp_path):
    project = make_project(tmp_path / prefix / "share" / "samplernn")
    assert paths.patches_folder() == project / "pd"
    assert paths.models_folder() == project / "models"
    assert paths.pd_search_path() == ["-path", str(installed / "lib" / "site-packages")]


def test_the_environment_comes_before_the_folder_of_the_user(installed, tmp_path):
    make_project(tmp_path / "home" / "share" / "samplernn")
    project = make_project(installed / "share" / "samplernn")
    assert paths.project_folder() == project


def test_without_patches_the_error_names_the_places_and_the_fix(installed):
    with pytest.raises(paths.NotInstalledError) as error:
        paths.project_folder()
    assert str(installed / "share" / "samplernn") in str(error.value)
    assert "install again" in str(error.value)


def test_pd_is_the_one_on_the_path(tmp_path, monkeypatch):
    program = make_program(tmp_path / "bin" / "pd")
    monkeypatch.delenv("PD", raising=False)
    monkeypatch.setenv("PATH", str(program.parent))
    assert paths.pd_program() == str(program)


def test_pd_of_the_environment_comes_first(tmp_path, monkeypatch):
    make_program(tmp_path / "bin" / "pd")
    other = make_program(tmp_path / "pd-0.55" / "bin" / "pd")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PD", str(other))
    assert paths.pd_program() == str(other)


def test_a_pd_of_the_environment_that_is_no_program_is_refused(tmp_path, monkeypatch):
    make_program(tmp_path / "bin" / "pd")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PD", "/no/such/pd")
    with pytest.raises(paths.NotInstalledError, match="PD=/no/such/pd is not a program"):
        paths.pd_program()


def test_the_latest_macos_application_is_found(tmp_path, monkeypatch):
    for version in ("0.54-1", "0.55-2"):
        make_program(tmp_path / "Applications" / f"Pd-{version}.app/Contents/Resources/bin/pd")
    monkeypatch.delenv("PD", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(paths, "MACOS_APPLICATIONS", (str(tmp_path / "Applications"),))
    assert paths.pd_program().endswith("/Applications/Pd-0.55-2.app/Contents/Resources/bin/pd")


def test_without_pd_the_error_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.delenv("PD", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(paths, "MACOS_APPLICATIONS", ())
    with pytest.raises(paths.NotInstalledError, match=r"Pure Data is not installed \(.*install"):
        paths.pd_program()
