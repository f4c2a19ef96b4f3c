# One image for the operator and for the consumers that it makes; docs/image.md tells what is in it, and why.
#
#   docker build --build-arg VERSION=0.1.0 --tag ghcr.io/healthdata/healthconsumer:0.1.0 .
#
# `hack/image build` builds it where there is no registry of images. Name the two images by digest for a release:
# BUILD_IMAGE needs Node, npm and a shell, BASE_IMAGE glibc and libstdc++, and is best Debian's: its packages are then listed.
ARG BUILD_IMAGE=docker.io/library/node:24.21.0-bookworm-slim
ARG BASE_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${BASE_IMAGE} AS base

FROM ${BUILD_IMAGE} AS installed
ENV NPM_CONFIG_UPDATE_NOTIFIER=false
WORKDIR /app
COPY package.json package-lock.json ./
# No package needs its install script: native code comes prebuilt.
RUN --mount=type=cache,target=/root/.npm npm ci --include=dev --ignore-scripts --no-audit --no-fund --prefer-offline

FROM installed AS compiled
COPY . .
RUN npm run build && find dist -name '*.d.ts' -exec rm {} +

FROM installed AS production
COPY hack/image.d/sbom.ts LICENSE ./
COPY charts charts
# A builder that does not look into the mount below runs the step again when its name changes.
ARG BASE_IMAGE
# Types, source maps, tests, documents and a second copy for bundlers (dist-es) are for those who develop against a package;
# licences stay. What is copied has the modes of the working tree, which may be for its owner alone.
RUN --mount=type=bind,from=base,target=/base \
  npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  && npm pkg delete devDependencies scripts \
  && npm sbom --sbom-format=cyclonedx | node sbom.ts /base >sbom.cdx.json \
  && rm -r node_modules/.bin node_modules/.package-lock.json \
  && find node_modules -depth -type d \( -name test -o -name tests -o -name benchmarks -o -name examples -o -name docs \
    -o -name dist-es -o -name dist-types -o -name '.[a-z]*' \) -exec rm -r {} + \
  && find node_modules -type f ! -iname '*licen[cs]e*' ! -iname '*notice*' \( -name '*.ts' -o -name '*.mts' \
    -o -name '*.cts' -o -name '*.map' -o -name '*.md' -o -name '*.bare' -o -name '*.html' \
    -o -name '.[a-z]*' \) -exec rm {} + \
  && chmod -R u=rwX,go=rX LICENSE package.json charts

FROM base
COPY --from=compiled /usr/local/bin/node /usr/local/bin/node
COPY --from=production /app/node_modules /app/node_modules
COPY --from=production /app/LICENSE /app/package.json /app/sbom.cdx.json /app/
COPY --from=production /app/charts /app/charts
COPY --from=compiled /app/dist /app/dist
# Nobody's home; the root file system is read-only in a cluster.
ENV HOME=/tmp
USER 1000:1000
# Node is process 1 itself: signals need no shell and no init to reach it.
ENTRYPOINT ["/usr/local/bin/node", "/app/dist/cli/main.js"]
CMD ["--help"]
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="healthconsumer" \
  org.opencontainers.image.description="Kafka to validated Iceberg tables, exactly once: operator and consumers" \
  org.opencontainers.image.source="https://github.com/healthdata/healthconsumer" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}"
