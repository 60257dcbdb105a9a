# SPDX-License-Identifier: MIT
# Capricorn in a container, with the plugins of this tree:
#
#     docker build -t capricorn .
#     docker run --rm -p 8000:8000 capricorn
#     curl 'localhost:8000/weather?city=London'
#
# docs/deployment.md says how to serve your own. make docker-check runs these steps without Docker.

FROM debian:trixie-slim AS build
WORKDIR /src
COPY .ci/deps .ci/
RUN apt-get update && sh .ci/deps build
COPY . .
RUN make -j"$(nproc)" server plugins \
 && make install DESTDIR=/out PREFIX=/usr/local \
 && strip --strip-debug /out/usr/local/bin/capricorn /out/usr/local/lib/capricorn/plugins/*.so

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
    libuv1t64 libcjson1 libllhttp9.2 zlib1g libbrotli1 libssl3t64 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 10001 capricorn \
 && useradd --system --uid 10001 --gid 10001 --no-create-home --shell /usr/sbin/nologin capricorn
COPY --from=build /out/usr/local/bin/capricorn /usr/local/bin/
COPY --from=build /out/usr/local/lib/capricorn/plugins /plugins

# In the environment, so that the health check finds the server, and options can replace it.
ENV CAPRICORN_HOST=0.0.0.0 CAPRICORN_PLUGIN_DIR=/plugins
VOLUME /plugins
EXPOSE 8000
# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["capricorn", "health"]
ENTRYPOINT ["capricorn"]
CMD ["run"]
