# SPDX-License-Identifier: MIT
"""The JSON Schema of routes files: it takes good files and refuses wrong ones."""

import json
import re
import subprocess

import jsonschema
import pytest

from capricorn import BINARY, ROOT, own_environment, seconds

WRONG = ROOT / "tests" / "integration" / "routes_wrong"
COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|/\*.*?\*/|//[^\n]*', re.DOTALL)
# Mistakes that are not in the shape of the JSON.
BEYOND_A_SCHEMA = {
    "default-routes-of-no-directory", "listening-twice",
    "app-twice", "key-twice", "key-twice-in-a-config", "method-misspelt", "nested-too-deep",
    "path-with-a-name-twice", "path-with-an-unknown-converter", "mount-with-the-rest",
    "half-a-surrogate", "timeout-over-a-year",
    # These are seen by whoever has the plugins.
    "plugin-not-found", "plugin-not-found-nor-any-like-it", "plugin-file-not-found",
    "plugin-is-no-library", "plugin-dir-not-found", "endpoint-not-found", "endpoint-to-be-named",
    "endpoint-lacks-the-method", "routes-collide", "routes-collide-but-for-the-name",
    "route-collides-with-a-default-route", "middleware-is-an-endpoint", "middleware-not-found",
    "route-leads-to-a-middleware", "config-refused", "config-with-an-unknown-key",
    "config-of-a-middleware-refused", "many-names",
}

GOOD = [
    {},
    {"$schema": "./routes.schema.json", "default_routes": True, "plugins": {"dir": "p"}},
    {"server": {"port": 0, "log_level": "debug", "limit_body": "1MiB", "timeout_write": 0.5,
                "bind": ["[::]:80", "unix:/s"], "access_log": False, "limit_headers": 10}},
    {"apps": {"a": {"plugin": "./x/a.so", "config": {"any": ["thing", None]}}}},
    {"middleware": ["log", "auth:basic", {"plugin": "gzip"}, {"plugin": "gzip", "config": {}}]},
    {"routes": [{"path": "/{id:int}", "app": "a:b", "methods": ["GET", "PURGE"], "host": "*.a.b",
                 "timeout": "250ms", "limit_body": 0, "config": {}, "middleware": ["log"]},
                {"mount": "/", "app": "a", "host": "localhost"}, {"mount": "/{x}", "app": "b"}]},
]


@pytest.fixture(scope="module")
def schema():
    result = subprocess.run([str(BINARY), "schema"], capture_output=True, text=True,
                            timeout=seconds(10), env=own_environment(), check=True)
    return result.stdout


@pytest.fixture(scope="module")
def validator(schema):
    return jsonschema.Draft202012Validator(json.loads(schema))


def read(path):
    """A routes file without its comments; None where it is no JSON."""
    try:
        return json.loads(COMMENT.sub(lambda match: match.group(1) or " ",
                                      path.read_bytes().decode()))
    except ValueError:
        return None


def test_the_schema_is_a_schema(schema):
    jsonschema.Draft202012Validator.check_schema(json.loads(schema))


def test_every_key_is_described(schema):
    for name, shape in [("file", json.loads(schema)), *json.loads(schema)["$defs"].items()]:
        for key, value in shape["properties"].items():
            assert len(value["description"]) > 10, f"{name}: {key}"


@pytest.mark.parametrize("file", GOOD, ids=range(len(GOOD)))
def test_good_files_are_valid(validator, file):
    validator.validate(file)


def test_the_examples_are_valid(validator):
    for path in ROOT.glob("examples/**/*routes*.json"):
        validator.validate(read(path))


@pytest.mark.parametrize("path", sorted(WRONG.glob("*.json")), ids=lambda path: path.stem)
def test_wrong_files_are_invalid(validator, path):
    file = read(path)
    if path.stem in BEYOND_A_SCHEMA:
        assert file is None or validator.is_valid(file), "it is not beyond a schema"
    else:
        assert file is None or not validator.is_valid(file)
