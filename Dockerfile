# Two images of the server: docker build --target cpu .   and   docker build --target gpu .
# Each step is a subcommand of server/deploy/install.sh, so that it can be tried where no image can be built.

# Digests are those that docker-library/repo-info lists for these tags.
ARG NODE=node:24.21.0-bookworm-slim@sha256:0e0ff40c39bc087845bfb27465a0df4ea419520094bc35842ff83dd8cbe6f9b6
ARG DEBIAN=debian:bookworm-20260918-slim@sha256:3783cc01769c7b2b1b83a5c5ad96c815348e28ed7da68e2e3687004faa906251
# NVIDIA lists no digests that could be looked up without its registry. The CUDA that is used comes with TensorFlow's
# wheel: of this image it is the settings that let the driver in.
ARG CUDA=nvidia/cuda:12.9.1-base-ubuntu24.04

FROM ${NODE} AS node

FROM node AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
COPY server/deploy/install.sh server/deploy/
RUN --mount=type=cache,target=/root/.npm server/deploy/install.sh packages
COPY tsconfig.json LICENSE ./
COPY schemas schemas
COPY server server
RUN server/deploy/install.sh compile
RUN --mount=type=cache,target=/root/.npm server/deploy/install.sh assemble /srv/stepd
# For images in which nothing runs while they are built. A number that no user of the host has.
RUN install -d -o 10001 -g 10001 /srv/data

FROM build AS addon
RUN server/deploy/install.sh tools
RUN --mount=type=cache,target=/root/.cache/pip server/deploy/install.sh tensorflow --gpu
RUN server/deploy/install.sh addon /srv/stepd

FROM ${CUDA} AS gpu
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=addon --chown=10001:10001 /srv/data /data
COPY --from=addon /srv/stepd /srv/stepd
ENV NODE_ENV=production STEPD_HOST=0.0.0.0 STEPD_STORE=lmdb:/data
USER 10001:10001
WORKDIR /srv/stepd
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "health.js"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "--enable-source-maps", "dist/server/main.js"]

# Last, so that it is what is built where no target is named. Node's own image would bring npm and yarn.
FROM ${DEBIAN} AS cpu
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=build --chown=10001:10001 /srv/data /data
COPY --from=build /srv/stepd /srv/stepd
ENV NODE_ENV=production STEPD_HOST=0.0.0.0 STEPD_STORE=lmdb:/data
USER 10001:10001
WORKDIR /srv/stepd
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["node", "health.js"]
ENTRYPOINT ["node", "--max-semi-space-size=8", "--enable-source-maps", "dist/server/main.js"]
