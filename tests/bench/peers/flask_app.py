# SPDX-License-Identifier: MIT
"""Flask: thirteen bytes, and the weather by requests, with a session that keeps connections."""

import os
from urllib.parse import quote

import requests
from flask import Flask, Response, request

app = Flask(__name__)
upstream = os.environ.get("UPSTREAM", "")
session = requests.Session()


@app.get("/")
def plain():
    return Response("Hello, world!", mimetype="text/plain")


@app.get("/weather")
def get_weather():
    city = request.args["city"]
    answer = session.get(f"{upstream}/weather/{quote(city, safe='')}", timeout=5)
    answer.raise_for_status()
    return {"city": city, "temp_c": float(answer.json()["temp_c"])}
