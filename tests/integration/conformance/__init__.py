# SPDX-License-Identifier: MIT
"""The table of HTTP/1.1 conformance: what is said on a connection and what must come of it."""

from . import bodies, connections, heads, musts  # noqa: F401

CATEGORIES = {
    "request line": heads.REQUEST_LINE,
    "methods": heads.METHODS,
    "versions": heads.VERSIONS,
    "host": heads.HOST,
    "targets": heads.TARGETS,
    "normalisation": heads.NORMALISATION,
    "headers": heads.VALUES,
    "lengths": bodies.LENGTHS,
    "transfer-encoding": bodies.CODINGS,
    "chunk syntax": bodies.CHUNKS,
    "trailers": bodies.TRAILERS,
    "smuggling": bodies.SMUGGLING,
    "connections": connections.CONNECTIONS,
    "expect": connections.EXPECTATIONS,
    "limits": connections.LIMITS,
    "responses": connections.RESPONSES,
}

# Categories whose server is started with options.
OPTIONS = {"limits": connections.SMALL}

for category, cases in CATEGORIES.items():
    for case in cases:
        case.category = category

CASES = [case for cases in CATEGORIES.values() for case in cases]
