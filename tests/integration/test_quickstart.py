# SPDX-License-Identifier: MIT
"""What the README promises, as far as a test may: the default plugin directory answers /weather."""

import json
import subprocess

from capricorn import BUILD, ROOT, Server, sanitized, seconds


def test_the_built_plugins_answer_the_readmes_request():
    plugins = BUILD / "plugins"
    with Server(plugin_dir=plugins) as server:
        reply = subprocess.run(["curl", "-sS", "--max-time", str(int(seconds(20))),
                                f"{server.url}/weather?city=London"],
                               capture_output=True, text=True)
        assert reply.returncode == 0, reply.stderr
        weather = json.loads(reply.stdout)
        assert weather["city"] == "London" and isinstance(weather["temp_c"], (int, float))
        for name in ("weather", "weather_api"):
            server.wait_for_log(f"Loaded {name} ")
        assert server.get("/weather").status == 422


def test_the_readme_names_the_commands_that_there_are():
    readme = (ROOT / "README.md").read_text()
    assert "make run" in readme and "make test" in readme
    assert "curl 'localhost:8000/weather?city=London'" in readme


def test_the_weather_plugin_is_as_short_as_promised():
    source = (ROOT / "plugins" / "weather" / "weather.c").read_text()
    assert len(source.splitlines()) <= 40
    assert sanitized() or "callback" not in source
