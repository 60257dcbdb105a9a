# SPDX-License-Identifier: MIT
"""What make install installs is enough to build plugins far from this tree, as docs/plugins.md says."""
import subprocess

import pytest

from capricorn import BUILD, ROOT, sanitized


@pytest.mark.parametrize("source", ["examples/hello/hello.c", "plugins/weather/weather.c"])
def test_a_plugin_is_built_with_pkg_config_and_would_load(source, tmp_path):
    if sanitized():
        pytest.skip("the installed library would be sanitized")
    prefix, plugin = tmp_path / "prefix", tmp_path / "plugin.so"
    subprocess.run(["make", "-C", ROOT, "install", f"BUILD={BUILD}", f"PREFIX={prefix}"], check=True,
                   env={"PATH": "/usr/bin:/bin"})
    (tmp_path / "plugin.c").write_text((ROOT / source).read_text())
    command = f"gcc -o {plugin} plugin.c $(pkg-config --cflags --libs csgi)"
    subprocess.run(["sh", "-ec", command], check=True, cwd=tmp_path,
                   env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"})
    check = subprocess.run([prefix / "bin/capricorn", "check", plugin], capture_output=True, text=True)
    assert check.returncode == 0, check.stderr
    assert "warning" not in (check.stdout + check.stderr).lower()
