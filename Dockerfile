# Gatehouse as an image. Two targets: `slim`, the server; and `full`, with what mounted servers are written in besides.
#   docker build -t gatehouse .            (slim)
#   docker build -t gatehouse:full --target full .

# glibc, since the binaries that mounted servers bring along are made for it.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim
ARG UV_IMAGE=ghcr.io/astral-sh/uv:0.9

FROM ${NODE_IMAGE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE} AS compiled
WORKDIR /build
COPY package.json package-lock.json tsconfig.json tsconfig.build.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY scripts scripts
COPY src src
RUN npm run build
COPY --from=packages /app/node_modules /app/node_modules
RUN mv dist /app/dist && node scripts/lean.ts /app

FROM ${NODE_IMAGE} AS app
ENV NODE_ENV=production
WORKDIR /app
COPY package.json .env.example ./
COPY --from=compiled /app ./
COPY recipes recipes
COPY supabase/migrations supabase/migrations
# An empty database to copy.
RUN node dist/app/programs/dbTemplate.js && chown -R 1000:1000 node_modules/.cache
# And one start, since Node keeps what it has compiled for the next, for each user apart. A container's own root may not be written.
USER 1000:1000
RUN { DATA_DIR=/tmp/once LOG_LEVEL=none node --import ./dist/boot.js dist/main.js > /dev/null & } \
  && until node -e "fetch('http://127.0.0.1:3000/readyz').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"; do sleep 1; done \
  && kill $! && wait $! && rm -r /tmp/once \
  && chmod -R a+rX node_modules/.cache

FROM ${NODE_IMAGE} AS slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/*
COPY --from=app /app /app
RUN mkdir /data && chown 1000:1000 /data
WORKDIR /data
ENV NODE_ENV=production \
  HOME=/data \
  HOST=0.0.0.0 \
  PORT=3000 \
  DATA_DIR=/data \
  PATH=/app/bin:$PATH
RUN mkdir /app/bin && ln -s ../dist/cli.js /app/bin/gatehouse && chmod +x /app/dist/cli.js
USER 1000:1000
VOLUME /data
EXPOSE 3000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
LABEL org.opencontainers.image.title="Gatehouse" \
  org.opencontainers.image.description="The server between ChatGPT (or any MCP client) and your tools" \
  org.opencontainers.image.licenses="MIT"
# Mounted servers leave grandchildren, which the first process has to take in.
ENTRYPOINT ["tini", "--"]
CMD ["node", "--import", "/app/dist/boot.js", "/app/dist/main.js"]

FROM ${UV_IMAGE} AS uv

FROM slim AS full
USER root
RUN apt-get update \
  && apt-get install -y --no-install-recommends chromium git python3 \
  && rm -rf /var/lib/apt/lists/*
COPY --from=uv /uv /uvx /usr/local/bin/
ENV PLAYWRIGHT_CHROMIUM_EXECUTABLE_PATH=/usr/bin/chromium
USER 1000:1000

# What is built without a name.
FROM slim
