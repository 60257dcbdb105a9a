# SPDX-License-Identifier: MIT
"""Who may include whom: a file includes only what stands lower, and each library has its folder."""
import re

from sources import files

# The server's folders, lowest first; those of one line know nothing of one another.
LAYERS = [
    {"base"},
    {"log"},
    {"config"},
    {"loop"},
    {"net"},
    {"tls"},
    {"exchange"},
    {"http1", "http2", "websocket", "client"},
    {"plugin", "router"},
    {"app"},
    {"session", "reload"},
    {"worker"},
    {"cli"},
]
RANK = {folder: rank for rank, folders in enumerate(LAYERS) for folder in folders}
PROTOCOLS = {"http1", "http2", "websocket"}
# Only the session, which picks one, knows the protocols.
KNOWS_PROTOCOLS = PROTOCOLS | {"session"}
# Only an application makes outbound requests.
NO_CLIENT = {"plugin", "router"}

LIBRARIES = {
    r"uv(\.h|/.*)": {"loop", "net"},
    r"llhttp\.h": {"http1", "client"},
    r"dlfcn\.h": {"plugin"},
    r"boost/.*": {"loop"},
    r"nghttp2/.*": {"http2"},
    r"wslay/.*": {"websocket"},
    r"openssl/.*": {"tls"},
    r"(zlib\.h|brotli/.*)": {"client"},
    r"(cjson/.*|zstd\.h|pcre2\.h|libpq-fe\.h|hiredis/.*)": set(),
}
SWITCHES = re.compile(r"\b(make_fcontext|jump_fcontext)\b")
ABI_NEEDS = {"stddef.h", "stdint.h"}
FRAMEWORK = {"csgi/web.h", "csgi/test.h"}


def check(root):
    """Yields (path, line, sentence) for each include that points the wrong way."""
    for file in files(root, "server/"):
        if file.is_c:
            yield from server_file(file)
    for file in files(root, "sdk/include/csgi/"):
        if file.is_c and f"csgi/{file.path.split('/', 3)[3]}" not in FRAMEWORK:
            yield from abi_header(file)
    for file in files(root, "sdk/src/", "plugins/", "examples/", "tests/integration/plugins/"):
        if file.is_c:
            yield from public_user(file)


def server_file(file):
    folder = file.path.split("/")[1]
    if folder not in RANK:
        yield file.path, 1, f"server/{folder} has no place in tests/lint/arrows.py"
        return
    for line, name, ours in file.includes():
        if ours:
            why = wrong_arrow(folder, name)
        elif name in FRAMEWORK:
            why = f"the server knows nothing of the framework ({name})"
        else:
            why = wrong_library(folder, name)
        if why:
            yield file.path, line, why
    if folder != "loop" and SWITCHES.search(file.code()):
        yield file.path, 1, "only server/loop switches stacks"


def wrong_arrow(folder, name):
    target = name.split("/")[0]
    if "/" not in name:
        return f'include "{folder}/{name}": with its folder'
    if target not in RANK:
        return f'"{name}" is in no folder of the server'
    if target == folder:
        return None
    if RANK[target] >= RANK[folder]:
        return f"{folder} includes {target}, which does not stand lower"
    if target in PROTOCOLS and folder not in KNOWS_PROTOCOLS:
        return f"{folder} includes the protocol {target}; only the session knows those"
    if target == "client" and folder in NO_CLIENT:
        return f"{folder} includes client; only the app side makes outbound requests"
    return None


def wrong_library(folder, name):
    for pattern, homes in LIBRARIES.items():
        if re.fullmatch(pattern, name) and folder not in homes:
            where = " and ".join(f"server/{home}" for home in sorted(homes)) or "no folder yet"
            return f"<{name}> belongs in {where}"
    return None


def abi_header(file):
    for line, name, ours in file.includes():
        if ours or not (name in ABI_NEEDS or name.startswith("csgi/")) or name in FRAMEWORK:
            yield file.path, line, f"a header of the ABI needs only stddef.h and stdint.h, not {name}"


def public_user(file):
    for line, name, ours in file.includes():
        neighbour = (file.root / file.folder / name).exists()
        if ours and not neighbour:
            yield file.path, line, f'"{name}": only public headers (<csgi/...>) and the folder\'s own'
