# The image of the worker. Its build context is made by `scripts/build --image` (dist/image):
#
#   base.tar          what the executable needs of a system: the C library, certificates, tini
#   oz-agent-worker   the executable of the engine's platform
#
# Another base does as well: `--build-arg BASE=IMAGE`, where IMAGE has glibc and /usr/bin/tini.
ARG BASE=debian-files

FROM scratch AS debian-files
ADD base.tar /

FROM ${BASE} AS worker
ARG VERSION=unknown
ARG COMMIT=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="oz-agent-worker" \
  org.opencontainers.image.description="The daemon that runs cloud agents on your own machines" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${COMMIT}" \
  org.opencontainers.image.source="${SOURCE}"
COPY oz-agent-worker LICENSE THIRD-PARTY-NOTICES /opt/oz-agent-worker/
ENV PATH=/opt/oz-agent-worker:/usr/local/bin:/usr/bin:/bin \
  HOME=/home/oz \
  STATE_DIRECTORY=/var/lib/oz-agent-worker
# By number, so that a cluster sees that it is not root.
USER 10001:10001
WORKDIR /home/oz
VOLUME /var/lib/oz-agent-worker
# Agents and hooks whose parents have ended are left to the first process, which has to reap them.
ENTRYPOINT ["/usr/bin/tini", "--", "/opt/oz-agent-worker/oz-agent-worker"]
# Whoever gives arguments of their own gives this one, too, or `health_address` in the config file.
CMD ["--health-address=127.0.0.1:8152"]
HEALTHCHECK --interval=30s --timeout=10s --start-period=15s --retries=3 \
  CMD ["/opt/oz-agent-worker/oz-agent-worker", "health"]
