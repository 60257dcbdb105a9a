# SPDX-License-Identifier: MIT
"""FastAPI: thirteen bytes, and the weather by one shared httpx client."""

import os
from urllib.parse import quote

import httpx
from fastapi import FastAPI, HTTPException
from fastapi.responses import PlainTextResponse

app = FastAPI()
upstream = os.environ.get("UPSTREAM", "")
client = httpx.AsyncClient(
    timeout=float(os.environ.get("TIMEOUT_S", "5")),
    limits=httpx.Limits(max_connections=None, max_keepalive_connections=None))


@app.get("/", response_class=PlainTextResponse)
async def plain():
    return "Hello, world!"


@app.get("/weather")
async def get_weather(city: str):
    try:
        answer = await client.get(f"{upstream}/weather/{quote(city, safe='')}")
        answer.raise_for_status()
        return {"city": city, "temp_c": float(answer.json()["temp_c"])}
    except httpx.TimeoutException as problem:
        raise HTTPException(504, "the upstream took too long") from problem
    except (httpx.HTTPError, KeyError, TypeError, ValueError) as problem:
        raise HTTPException(502, "the upstream does not answer as it should") from problem
